"""What known directions buy: decomposed samples, larger models, circuits, certificates."""
