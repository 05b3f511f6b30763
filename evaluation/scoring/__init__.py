"""Estimate beside truth -> numbers."""
