"""Running foreign code in processes of its own: bounded, watched, and without the truth."""
