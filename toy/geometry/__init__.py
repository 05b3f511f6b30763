"""What was learned: dimensionality, polytopes, phase diagrams."""
