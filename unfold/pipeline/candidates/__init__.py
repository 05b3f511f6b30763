"""One way to a dictionary a file; none knows another."""
