"""Suite -> plan -> cells -> store."""
