"""Features to look at: where each fires, on what texts, and what it tells of them."""
