"""unfold."""
