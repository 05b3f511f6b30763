"""Parameters that a method shares with its base are documented once, in the base."""

import inspect
import re

#: A section of a numpydoc docstring: its name, underlined, and all up to the next.
SECTION = re.compile(r"(?ms)^[A-Z][\w ]*\n-{3,}\n.*?(?=\n\n[A-Z][\w ]*\n-{3,}\n|\Z)")


def inherited(cls: type) -> str | None:
    """Return the docstring of a class; where it lists no parameters, with those of its base.

    Parameters
    ----------
    cls : type
        The nearest base that documents parameters gives its own, whole section.
    """
    own = cls.__dict__.get("__doc__")
    if own is None or _parameters(own):
        return own
    section = next(filter(None, (_parameters(base.__doc__) for base in cls.__mro__[1:])), None)
    if section is None:
        return own
    own = inspect.cleandoc(own)
    first = SECTION.search(own)
    at = len(own) if first is None else first.start()
    return f"{own[:at].rstrip()}\n\n{section}\n\n{own[at:]}".rstrip() + "\n"


def _parameters(doc: str | None) -> str | None:
    found = SECTION.findall(inspect.cleandoc(doc or ""))
    return next((section for section in found if section.startswith("Parameters\n")), None)
