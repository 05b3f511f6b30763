"""Files of other people."""
