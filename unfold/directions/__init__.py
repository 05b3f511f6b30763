"""Mathematics of finding directions: moments, rays, tails, fans, and the roads between them."""
