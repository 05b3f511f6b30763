"""Fit, explain: no truth."""
