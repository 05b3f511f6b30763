"""Floors and peers."""
