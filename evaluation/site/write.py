"""Write the pages of all published boards into a folder."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from evaluation.publishing.files import read_published
from evaluation.report import write_report
from evaluation.report.markdown import seconds, size
from evaluation.running.store import write_atomically
from evaluation.scoring.metrics import METRICS
from evaluation.site import pages, pictures
from evaluation.site.names import slug
from evaluation.site.standings import Standing, changes, rows, spec_of, standings

if TYPE_CHECKING:
    from jinja2 import Environment

#: Features times dimensions up to which a problem is made to be drawn: larger ones take minutes.
MOST_DRAWN = 40_000
#: The toy of the home page: five features of a trained model in a plane.
HOME_PROBLEM = "relu-5in2-p0.05/v1"
#: Where the documentation is linked, if `make docs` has put it there.
DOCS = "docs/index.html"
#: Files of a board's report that are offered beside its page.
DOWNLOADS = ("leaderboard.csv", "cells.csv", "leaderboard.md", "leaderboard.tex")


def write_site(published: str | Path, out: str | Path, *, draw: bool = True) -> list[Path]:
    """Write a static site of published boards: boards, methods, problems, metrics, how to submit.

    Every page is a file that loads nothing: it is read from a disk or any server, without
    JavaScript, which only filters and sorts.

    Parameters
    ----------
    published : path
        As ``leaderboards/``: what `unfold publish` wrote.
    out : path
        Folder to write into.
    draw : bool
        Draw the geometry of problems, which have to be made for it.

    Returns
    -------
    list of Path
        The pages, home first.

    Raises
    ------
    FileNotFoundError
        If nothing is published there.
    ValueError
        If a file of records cannot be read, or holds no results that can be ranked.
    """
    found = standings(read_published(published))
    if not found:
        raise ValueError(f"Nothing in {str(published)!r} can be ranked: it holds no method.")
    site = _Site(Path(out), found)
    site.home(_home_picture() if draw else "")
    for one in found:
        site.board(one)
    site.methods()
    site.problems(draw)
    site.metrics()
    site.page("submit.html", "submit", title="Submit a method")
    site.page("changes.html", "changes", title="Changelog of records", changes=changes(found))
    return site.written


class _Site:
    """The pages under way, and where they link to."""

    def __init__(self, out: Path, found: Sequence[Standing]) -> None:
        self.out, self.standings, self.written = out, found, list[Path]()
        self._templates = _templates()
        self._docs = DOCS if (self.out / DOCS).is_file() else ""

    def page(self, path: str, template: str, **values: Any) -> None:
        """Write one page."""
        text = self._templates.get_template(f"{template}.html.j2").render(
            root="../" * path.count("/"),
            here=path,
            standings=self.standings,
            docs=self._docs,
            **values,
        )
        target = self.out / path
        target.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(target, text.encode())
        self.written.append(target)

    def home(self, picture: str) -> None:
        methods = {m for one in self.standings for m in one.methods}
        problems = {p for one in self.standings for p in one.problems}
        self.page(
            "index.html",
            "home",
            title="unfold: who enumerates the features?",
            picture=_safe(picture),
            n_methods=len(methods),
            n_problems=len(problems),
            n_cells=sum(len(one.records) for one in self.standings),
            boards=[{"one": one, "top": rows(one.lead)[:5]} for one in self.standings],
        )

    def board(self, one: Standing) -> None:
        folder = f"boards/{one.suite}"
        files = write_report(self.out / folder, one.records)
        tracks = [
            {
                "name": name,
                "track": track,
                "rows": rows(track),
                "heat": pages.heat(one, name),
                "verdict": one.verdicts[name],
                "apart": pages.told_apart(one, name),
            }
            for name, track in one.tracks.items()
        ]
        self.page(
            f"{folder}/index.html",
            "board",
            title=one.suite,
            one=one,
            tracks=tracks,
            downloads=[name for name in DOWNLOADS if name in files],
        )

    def methods(self) -> None:
        infos = pages.installed()
        on_boards = list(dict.fromkeys(m for one in self.standings for m in one.methods))
        names = sorted({*infos, *on_boards})
        ranks = {
            name: [
                (one.suite, row["rank"], row["skill"])
                for one in self.standings
                for row in rows(one.lead)
                if row["method"] == name
            ]
            for name in names
        }
        self.page(
            "methods/index.html",
            "methods",
            title="Methods",
            methods=[(name, infos.get(name), ranks[name]) for name in names],
        )
        for name in names:
            content = pages.method_page(name, self.standings)
            self.page(f"methods/{slug(name)}.html", "method", title=name, **content)

    def problems(self, draw: bool) -> None:
        names = list(dict.fromkeys(p for one in self.standings for p in one.problems))
        contents = [pages.problem_page(name, self.standings) for name in names]
        self.page("problems/index.html", "problems", title="Problems", problems=contents)
        for content in contents:
            drawn = _pictures(self.standings, content["name"]) if draw else []
            spec = json.dumps(content["spec"], indent=1, sort_keys=True)
            self.page(
                f"problems/{slug(content['name'])}.html",
                "problem",
                title=content["name"],
                pictures=[_safe(one) for one in drawn],
                **content | {"spec": spec},
            )

    def metrics(self) -> None:
        self.page("metrics/index.html", "metrics", title="Metrics", metrics=list(METRICS.values()))
        for name in METRICS:
            content = pages.metric_page(name, self.standings)
            self.page(f"metrics/{slug(name)}.html", "metric", title=name, **content)


def _templates() -> "Environment":
    from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=ChoiceLoader(
            [
                PackageLoader("evaluation.site", "assets"),
                PackageLoader("evaluation.report", "assets"),
            ]
        ),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"seconds": seconds, "size": size, "slug": slug, "fixed": _fixed}
    environment.globals["asset"] = lambda name: _safe(
        environment.loader.get_source(environment, name)[0]  # type: ignore[union-attr]
    )
    return environment


def _safe(text: str) -> Any:
    """Mark text of our own making as markup."""
    from markupsafe import Markup

    return Markup(text)


def _fixed(value: Any, digits: int = 2) -> str:
    """Return a number with so many decimals; nothing for what is none."""
    return "" if value is None or value != value else f"{float(value):.{digits}f}"


def _home_picture() -> str:
    import toy

    made = toy.make_problem(HOME_PROBLEM, 0)
    X, codes = made.observed.test, _dense(made.truth.codes_test)
    active = np.flatnonzero(codes.any(axis=1))[:400]
    return pictures.unfolding(made.truth.directions, X[active], codes[active])


def _pictures(found: Sequence[Standing], name: str) -> list[str]:
    """Return the pictures of a problem; none where it is too large to be made for them."""
    from evaluation.running.problems import make

    problem = spec_of(found, name)
    if _size(problem.spec) > MOST_DRAWN:
        return []
    try:
        made = make(problem, 0)
    except (ValueError, RuntimeError, ModuleNotFoundError):
        return []  # the record is of another version, or of an extra that is not installed
    truth = getattr(made, "truth", None)
    if truth is None or not len(truth.directions):
        return []
    directions = truth.directions[np.asarray(truth.represented)]
    return [
        pictures.geometry(directions, made.observed.test, name),
        pictures.gram(directions, name),
    ]


def _size(spec: Mapping[str, Any]) -> float:
    features, source = spec.get("features") or {}, spec.get("source") or {}
    return float(features.get("n", np.inf)) * float(source.get("d", source.get("hidden", 1)))


def _dense(codes: Any) -> np.ndarray:
    return np.asarray(codes.toarray() if hasattr(codes, "toarray") else codes)
