"""Networks and planted dictionaries; losses, sampled and exact."""
