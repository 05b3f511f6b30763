"""Tables as plain lines: no boxes, numbers never broken, long texts below their rows."""

import textwrap
from collections.abc import Mapping, Sequence

#: Characters that a column of text needs to be read; with less it goes below the row.
READABLE = 28
#: Spaces from which a text is prose, which may go below its row; a name may not.
WORDY = 3
#: Characters that a name is broken at, at least.
NARROWEST = 12
INDENT = "    "


def lines(
    rows: Sequence[Mapping[str, str]], numeric: Sequence[str] = (), width: int | None = None
) -> list[str]:
    """Return a header and rows, each of which may be several lines.

    Parameters
    ----------
    rows : sequence of Mapping
        All of the same keys, the columns; cells are text.
    numeric : sequence of str
        Columns that stand at the right.
    width : int, optional
        Characters that a line may have; any number unless given.

    Returns
    -------
    list of str
    """
    columns = list(rows[0]) if rows else []
    natural = {c: max(len(c), *(len(row[c]) for row in rows)) for c in columns}
    below: list[str] = []
    gap = 2
    if width is not None:
        prose = [c for c in columns[1:] if any(row[c].count(" ") >= WORDY for row in rows)]
        while prose and _total(columns, natural, gap) > width:
            longest = max(prose, key=lambda c: natural[c])
            room = width - _total([c for c in columns if c != longest], natural, gap) - gap
            if natural[longest] <= READABLE:
                break
            if room >= READABLE:
                natural[longest] = room
            else:
                prose.remove(longest)
                columns.remove(longest)
                below.append(longest)
        if _total(columns, natural, gap) > width:
            gap = 1
        natural = _broken(columns, natural, gap, width, numeric)
    out = _row({c: c for c in columns}, columns, natural, numeric, gap)
    for row in rows:
        out += _row(row, columns, natural, numeric, gap)
        for column in reversed(below):
            out += textwrap.wrap(
                f"{column}: {row[column]}",
                width or 80,
                initial_indent=INDENT,
                subsequent_indent=INDENT,
            )
    return out


def _total(columns: Sequence[str], natural: Mapping[str, int], gap: int) -> int:
    return sum(natural[c] for c in columns) + gap * (len(columns) - 1)


def _broken(
    columns: Sequence[str],
    natural: Mapping[str, int],
    gap: int,
    width: int,
    numeric: Sequence[str],
) -> dict[str, int]:
    """Return widths with the widest column of text, a name, narrowed as far as is needed."""
    found = dict(natural)
    texts = [c for c in columns if c not in numeric]
    excess = _total(columns, found, gap) - width
    if excess > 0 and texts:
        widest = max(texts, key=lambda c: found[c])
        found[widest] = max(min(NARROWEST, found[widest]), found[widest] - excess)
    return found


def _row(
    row: Mapping[str, str],
    columns: Sequence[str],
    widths: Mapping[str, int],
    numeric: Sequence[str],
    gap: int,
) -> list[str]:
    cells = {c: _pieces(row[c], widths[c]) for c in columns}
    found = []
    for i in range(max((len(cell) for cell in cells.values()), default=0)):
        words = []
        for c in columns:
            text = cells[c][i] if i < len(cells[c]) else ""
            words.append(text.rjust(widths[c]) if c in numeric else text.ljust(widths[c]))
        found.append((" " * gap).join(words).rstrip())
    return found


def _pieces(text: str, width: int) -> list[str]:
    """Break a text at spaces, or a name after punctuation, or where the room ends."""
    if len(text) <= width:
        return [text]
    if " " in text.strip():
        return textwrap.wrap(text, width) or [""]
    pieces = []
    while len(text) > width:
        at = max((text.rfind(mark, 0, width) + 1 for mark in ",[/:-"), default=0)
        at = at if at > width // 3 else width
        pieces.append(text[:at])
        text = text[at:]
    return [*pieces, text]
