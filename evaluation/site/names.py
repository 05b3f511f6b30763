"""What pages are called: names as addresses that any file system and server takes."""

import hashlib
import re


def slug(name: str) -> str:
    """Return a name as part of an address; names that differ give addresses that differ.

    Parameters
    ----------
    name : str
        As in "relu-5in2-p0.05/v1" or "ksvd[max_iter=5]".
    """
    plain = re.sub(r"[^A-Za-z0-9._@-]+|\.{2,}", "-", name).strip("-.")[:80]
    if plain == name:
        return plain
    if re.fullmatch(r"[A-Za-z0-9._@-]+/v\d+", name):
        return name.replace("/", "-")
    return f"{plain}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
