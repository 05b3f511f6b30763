"""Independence: linear, and by cumulants where there are more features than dimensions."""
