"""One file a foreign format of dictionaries: how it is told, and what it means."""
