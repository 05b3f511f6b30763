"""Known directions -> codes, with certificates."""
