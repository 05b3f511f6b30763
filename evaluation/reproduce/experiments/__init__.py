"""One file a group."""
