"""The published boards as pages that need no server, no network and no JavaScript."""

from evaluation.site.write import write_site

__all__ = ["write_site"]
