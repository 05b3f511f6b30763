"""Sparse autoencoders: architectures as pure functions, one trainer, one estimator each."""
