"""Names of methods shortened for where there is little room: what differs is what is kept."""

import re
from collections.abc import Sequence

from evaluation.running.selectors import split_commas
from evaluation.scoring.controls import is_control

_PARTS = re.compile(r"(?s)(.*?)(\[.*\])?( \(tuned\))?$")


def fold(names: Sequence[str]) -> list[str]:
    """Return names without what tells none of them apart, each still one's own.

    A class goes without its file or module where no other class is called the same; parameters
    that all variants of a class share are left out.

    Parameters
    ----------
    names : sequence of str
        As in "sklearn.decomposition:FastICA[algorithm=deflation,fun=cube] (tuned)".

    Returns
    -------
    list of str
        As in "FastICA[fun=cube] (tuned)".
    """
    parts = [_split(name) for name in names]
    bases = {base for base, _, _ in parts}
    short = {base: base if is_control(base) else base.rpartition(":")[2] for base in bases}
    clear = {base: word for base, word in short.items() if [*short.values()].count(word) == 1}
    folded = []
    for base, params, suffix in parts:
        variants = [set(own) for other, own, _ in parts if other == base]
        alike = set.intersection(*variants) if len({frozenset(v) for v in variants}) > 1 else set()
        kept = ",".join(param for param in params if param not in alike)
        folded.append(f"{clear.get(base, base)}{f'[{kept}]' if kept else ''}{suffix}")
    return [
        word if folded.count(word) == 1 else name for word, name in zip(folded, names, strict=True)
    ]


def _split(name: str) -> tuple[str, list[str], str]:
    if is_control(name):
        return name, [], ""
    match = _PARTS.match(name)
    assert match is not None  # matches anything
    base, brackets, suffix = match.groups(default="")
    try:
        params = split_commas(brackets[1:-1], name)
    except ValueError:  # a label may hold anything
        return name, [], ""
    return base, params, suffix
