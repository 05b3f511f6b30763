"""Directions as clusters and subspaces of samples."""
