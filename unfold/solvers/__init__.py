"""Sparse inference at known directions: one file a family of solvers."""
