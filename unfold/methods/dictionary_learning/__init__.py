"""Codes and dictionary in turn."""
