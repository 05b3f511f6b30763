"""A site of made-up records, some of them hostile."""

from pathlib import Path

import pytest

from evaluation.publishing.files import file_name, pack
from evaluation.site import write_site

HOSTILE = "<img src=x onerror=alert(1)>/../" + "very-long-" * 20


def _publish(folder: Path, made: list) -> None:
    folder.mkdir(parents=True)
    files: dict[str, list] = {}
    for record in made:
        files.setdefault(file_name(record.method), []).append(record)
    for name, own in files.items():
        (folder / name).write_bytes(pack(own))


@pytest.fixture(scope="session")
def published(records, tmp_path_factory) -> Path:
    """Two boards: one of the catalogue, one of nobody's; registered and hostile names."""
    folder = tmp_path_factory.mktemp("boards")
    names = {"alpha": "recover", "beta": "pca", "gamma": HOSTILE, "delta": "mine.py:Mine"}

    def fate(r):
        changes = {"method": names.get(r.method, r.method), "problem_spec": {"about": HOSTILE}}
        if r.method == "delta" and r.seed == 1:
            changes |= {"status": "timeout", "metrics": {}, "reason": "Killed."}
        return r.model_copy(update=changes)

    made = [fate(r) for r in records()]
    _publish(folder / "leaderboard-v2", made)
    _publish(folder / "elsewhere-v1", [r for r in made if r.problem.startswith("relu")])
    return folder


@pytest.fixture(scope="session")
def site(published, tmp_path_factory) -> Path:
    """The folder of pages."""
    out = tmp_path_factory.mktemp("site")
    write_site(published, out, draw=False)
    return out
