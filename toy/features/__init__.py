"""Which features are active, how strongly."""
