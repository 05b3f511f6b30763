"""Real networks, where no truth is known: activations made here, and scores without a truth."""
