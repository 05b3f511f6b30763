"""Compiled loops, nothing else."""
