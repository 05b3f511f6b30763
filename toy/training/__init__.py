"""Many models at once: compiled, torch, exact."""
