"""Hierarchies at many active features: events, the tree over them, features by least squares."""
