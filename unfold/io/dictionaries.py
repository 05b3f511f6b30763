"""Dictionaries of any known format, told apart by what is in them."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

from unfold.io.checks import FileError, one_line
from unfold.io.formats import (
    dictionary_learning,
    gemma_scope,
    llama_scope,
    openai,
    overcomplete,
    own,
    saelens,
    sparsify,
)
from unfold.io.formats.contents import Contents, read_contents
from unfold.io.formats.dictionary import Dictionary, checked

#: Formats that have an encoder; a file matches one of them, or holds directions alone.
FORMATS: dict[str, ModuleType] = {
    module.NAME: module
    for module in (own, saelens, dictionary_learning, sparsify, gemma_scope, openai, overcomplete,
                   llama_scope)
}  # fmt: skip
#: Names of arrays that say that there is an encoder, so that it is not passed over in silence.
_ENCODERS = ("W_enc", "w_enc", "encoder.weight", "encoder_linear.weight", "b_enc")


def read_dictionary(
    path: str | Path, format: str = "auto", *, key: str | None = None
) -> Dictionary:
    """Return the dictionary at a path.

    Parameters
    ----------
    path : str or Path
        A file of weights, or the folder around it.
    format : str
        "auto", a name of `FORMATS`, or "arrays" for directions alone.
    key : str, optional
        Name of the matrix of directions; the file is then read as directions alone.

    Returns
    -------
    Dictionary

    Raises
    ------
    FileNotFoundError
        If there is nothing at ``path``.
    FileError
        If what is there is of no known format, of several, or not of the one that was named.
    ValueError
        If there is no format of that name.
    """
    if format not in ("auto", own.PLAIN, *FORMATS):
        raise ValueError(
            f"Unknown format {format!r}: expected 'auto', {own.PLAIN!r} or one of "
            f"{', '.join(map(repr, FORMATS))}."
        )
    found = read_contents(path)
    if format == own.PLAIN or key is not None:
        return checked(own.read_plain(found, key))
    read = _reader(found, format)
    try:
        return checked(read(found))
    except FileError:
        raise
    except (ValueError, TypeError, ArithmeticError, LookupError) as error:
        # A reader takes shapes as its format has them: what broke it is not of that format.
        raise FileError(
            f"{found.path.name!r} is damaged, or no {read.__module__.rpartition('.')[2]} "
            f"dictionary ({one_line(error)}): {found.described()}."
        ) from error


def _reader(found: Contents, format: str) -> Callable[[Contents], Dictionary]:
    fitting = [name for name, module in FORMATS.items() if module.matches(found)]
    if format != "auto":
        if format not in fitting:
            told = f"; it looks like {' or '.join(fitting)}" if fitting else ""
            raise FileError(
                f"{found.path.name!r} is no {format} dictionary: {found.described()}{told}."
            )
        return FORMATS[format].read
    if len(fitting) > 1:
        raise FileError(
            f"{found.path.name!r} may be of format {' or '.join(fitting)}: name one. "
            f"{found.described().capitalize()}."
        )
    if fitting:
        return FORMATS[fitting[0]].read
    if any(map(found.has, _ENCODERS)):
        raise FileError(
            f"{found.path.name!r} has an encoder of no known format: {found.described()}. Known: "
            f"{', '.join(FORMATS)}; format={own.PLAIN!r} takes its directions alone."
        )
    return own.read_plain
