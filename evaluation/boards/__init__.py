"""Records -> ranking."""
