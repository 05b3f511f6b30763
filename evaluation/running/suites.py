"""Suites: named, versioned sets of problems, methods, seeds and limits. Data, and its reader.

A published suite never changes; a new version gets a new name.
"""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, get_args

from evaluation.running.record import Limits, Track, Tuning
from evaluation.running.selectors import parse_duration, parse_seeds, parse_size
from unfold.registry import did_you_mean

MB = 10**6
DEFAULT_LIMITS = Limits()


@dataclass(frozen=True)
class Suite:
    """What to run: the product of problems, methods, seeds, tracks and tunings.

    Attributes
    ----------
    name : str
    problems : tuple of str or Mapping
        Ids, globs over ids, or specs.
    methods : tuple of str
        Selectors, as in `evaluation.running.selectors`.
    seeds : tuple of int
    tracks : tuple of {"blind", "informed"}
    tuning : tuple of {"default", "tuned"}
    limits : Limits
        Of every cell.
    about : str
    """

    name: str = ""
    problems: tuple[str | Mapping[str, Any], ...] = ()
    methods: tuple[str, ...] = ("*",)
    seeds: tuple[int, ...] = (0, 1, 2)
    tracks: tuple[Track, ...] = ("blind", "informed")
    tuning: tuple[Tuning, ...] = ("default",)
    limits: Limits = DEFAULT_LIMITS
    about: str = ""


#: Methods that take seconds on the problems of the main board; `-m "*"` runs all there are.
LEADERBOARD_METHODS = (
    "recover", "one-sparse", "alternating", "cumulants", "subspace-power", "ksvd",
    "sklearn-dictionary-learning", "topk-sae", "spherical-k-means", "fastica", "picard", "pca",
    "data-points", "random",
)  # fmt: skip

#: A dozen that stand for all: the default, its candidates, and a peer of every family.
DOZEN = (
    "recover", "one-sparse", "alternating", "cumulants", "subspace-power", "ksvd", "topk-sae",
    "spherical-k-means", "fastica", "pca", "data-points", "random",
)  # fmt: skip

#: Methods that a real network is compared on: at stated sizes, so that all must take one.
REAL_METHODS = (
    "recover", "alternating", "ksvd", "online-dictionary", "spherical-k-means", "topk-sae",
    "batch-topk-sae", "topk-sae[frozen_decoder=true]", "sae-lens", "fastica", "pca", "neurons",
    "data-points", "random",
)  # fmt: skip

#: The same in ten minutes on two cores, activations included: short fits, floors and controls.
REAL_SMALL_METHODS = (
    "online-dictionary", "topk-sae[n_steps=1500]", "batch-topk-sae[n_steps=1500]",
    "topk-sae[frozen_decoder=true,n_steps=500]", "spherical-k-means", "pca", "neurons",
    "data-points", "random",
)  # fmt: skip

#: One or two members of every family, each with one thing that is hard about it; all small.
HARD_PROBLEMS = (
    "independent-40in16-p0.1-noise0.05/v1",
    "independent-40in16-p0.1-noise0.2/v1",
    "independent-40in16-p0.1-noise0.05-offset3/v1",
    "independent-40in16-p0.1-noise0.1-tail1/v1",
    "independent-40in16-p0.1-noise0.1-signed/v1",
    "independent-40in16-p0.1-noise0.05-spectrum0.5/v1",
    "independent-40in16-p0.1-noise0.05-common0.4/v1",
    "independent-24in12-p0.3-noise0.05/v1",
    "independent-20in12-p0.5-noise0.05/v1",
    "independent-40in16-p0.1-noise0.05-samples1000/v1",
    "independent-40in16-p0.1-samples500/v1",
    "independent-64in16-p0.05-noise0.05/v1",
    "independent-64in8-p0.05-noise0.02/v1",
    "zipf-48in16-noise0.05/v1",
    "zipf-48in16-low0.002-tail0.5/v1",
    "exactly-40in16-active5-noise0.1/v1",
    "copula-40in16-noise0.05/v1",
    "copula-40in16-scale0.8/v1",
    "copula-40in16-p0.05-rank1-scale1/v1",
    "exclusive-40in16-noise0.05/v1",
    "hierarchy-40in16-noise0.05/v1",
    "hierarchy-60in20-depth2-alone0.2/v1",
    "hierarchy-40in16-nested-noise0.05/v1",
    "hidden-relu-10in5-p0.06/v1",
)

#: What nobody has solved; the best known of each is in `evaluation.publishing.frontier`.
FRONTIER_PROBLEMS = (
    "hierarchy-60in20-depth1-alone0-constant/v1",
    "exactly-100in47-active10-samples2500/v1",
    "independent-160in20-p0.05-noise0.02-samples100000/v1",
    "independent-96in48-p0.5-samples200000/v1",
    "hierarchy-1024in256-depth3-branching4-high0.4-low0.002-alone0-noise0.1-samples120000/v1",
    "tree-4096in512/v1",
)
#: The same at the published size, which takes hours: a board of its own.
FULL_SIZE_PROBLEMS = ("tree-16384in768/v1",)

#: Methods that take thousands of features, or show what becomes of those that do not.
FRONTIER_METHODS = (
    "recover[time_limit=800]", "tree-dictionary", "cumulants", "online-dictionary",
    "batch-topk-sae", "fastica", "random",
)  # fmt: skip


def _catalogue(*suites: Suite) -> dict[str, Suite]:
    return {suite.name: suite for suite in suites}


SUITES = _catalogue(
    Suite(
        "smoke",
        problems=("relu-5in2-p0.05/v1", "planted-40in20-p0.05/v1"),
        methods=("random", "pca", "fastica"),
        seeds=(0,),
        limits=Limits(seconds=30, bytes=2000 * MB),
        about="Does everything work? Two small problems, three quick methods, one seed.",
    ),
    Suite(
        "leaderboard-v1",
        problems=(
            "relu-5in2-p0.05/v1",
            "relu-5in2-p0.1/v1",
            "relu-20in5-p0.05/v1",
            "relu-20in5-p0.1/v1",
            "relu-80in20-p0.05/v1",
            "planted-40in20-p0.05/v1",
        ),
        methods=LEADERBOARD_METHODS,
        seeds=(0,),
        limits=Limits(seconds=120, bytes=4000 * MB),
        about="The first board, solved: trained toys and a planted dictionary, without noise.",
    ),
    Suite(
        "leaderboard-v2",
        problems=HARD_PROBLEMS,
        methods=DOZEN,
        seeds=(0,),
        tracks=("blind",),
        limits=Limits(seconds=60, bytes=4000 * MB),
        about="The main board: noise, offset, heavy tails, dependence, hierarchy, dense codes, "
        "few samples, wide dictionaries, rectified toys; number of features unknown.",
    ),
    Suite(
        "frontier-v1",
        problems=FRONTIER_PROBLEMS,
        methods=FRONTIER_METHODS,
        seeds=(0,),
        tracks=("blind",),
        limits=Limits(seconds=900, bytes=10_000 * MB),
        about="What nobody has solved: SynthSAEBench's laws with 4,096 features, noisy trees, "
        "dense codes, few samples, eight features a dimension, what cannot be identified.",
    ),
    Suite(
        "frontier-16k-v1",
        problems=FULL_SIZE_PROBLEMS,
        methods=("recover[time_limit=3500]", "tree-dictionary", "batch-topk-sae", "random"),
        seeds=(0,),
        tracks=("blind",),
        limits=Limits(seconds=3600, bytes=16_000 * MB),
        about="SynthSAEBench's parameters at its own size: 16,384 features in 768 dimensions.",
    ),
    Suite(
        "subspaces-v1",
        problems=(
            "circles-12in16-p0.1/v1",
            "circles-20in24-p0.1-noise0.05/v1",
            "circles-20in24-p0.2-noise0.05/v1",
            "circles-60in32-p0.03-noise0.05/v1",
            "days-12in16-p0.1-noise0.05/v1",
            "days-20in24-p0.2-noise0.1/v1",
            "simplices-10in20-p0.1-noise0.05/v1",
            "spheres-10in20-p0.1-noise0.05/v1",
            "spheres-20in24-p0.1-noise0.1/v1",
        ),
        methods=(
            "subspace-dictionary",
            "recover",
            "spherical-k-means",
            "ksvd",
            "topk-sae",
            "data-points",
            "random",
        ),
        seeds=(0,),
        tracks=("blind",),
        limits=Limits(seconds=120, bytes=4000 * MB),
        about="Features of two and three dimensions: circles, rings of points, simplices, spheres; "
        "scored as subspaces, by principal angles.",
    ),
    Suite(
        "toy-v1",
        problems=("relu-*",),
        seeds=tuple(range(5)),
        limits=Limits(seconds=600, bytes=4000 * MB),
        about="All trained toy models of superposition.",
    ),
    Suite(
        "planted-v1",
        problems=("planted-*",),
        seeds=tuple(range(5)),
        limits=Limits(seconds=600, bytes=4000 * MB),
        about="All planted dictionaries: no network, known generating process.",
    ),
    Suite(
        "real-v1",
        problems=(
            "minilm-layer3-k384/v1",
            "minilm-layer5-k384/v1",
            "minilm-layer3-k768/v1",
            "minilm-layer5-k768/v1",
        ),
        methods=REAL_METHODS,
        seeds=(0, 1, 2),
        tracks=("informed",),
        limits=Limits(seconds=600, bytes=6000 * MB),
        about="A real network, no truth: tokens of all-MiniLM-L6-v2, two layers and two sizes.",
    ),
    Suite(
        "real-small",
        problems=("minilm-layer3-k384/v1",),
        methods=REAL_SMALL_METHODS,
        seeds=(0, 1),
        tracks=("informed",),
        limits=Limits(seconds=100, bytes=6000 * MB),
        about="The real network in minutes: one layer, one size, short fits.",
    ),
    Suite(
        "worlds-v1",
        problems=("tree-*",),
        seeds=tuple(range(3)),
        limits=Limits(seconds=1800, bytes=8000 * MB),
        about="Large worlds of correlated and nested features.",
    ),
)


def list_suites() -> list[str]:
    """Return the names of all suites."""
    return sorted(SUITES)


def get_suite(name: str) -> Suite:
    """Return a suite by name.

    Raises
    ------
    ValueError
        If there is none of that name; the message suggests near ones.
    """
    if name in SUITES:
        return SUITES[name]
    hint = did_you_mean(name, SUITES, f"there are {', '.join(list_suites())}.")
    raise ValueError(f"Unknown suite {name!r}: {hint}")


def read_config(path: str | Path) -> tuple[Suite, dict[str, Any]]:
    """Return the suite that a TOML file describes, and what else a run takes from it.

    Keys are those of the command line: ``suite``, ``problems``, ``methods``, ``seeds``,
    ``tracks``, ``tuning``, ``timeout``, ``mem``, ``threads``; and ``out``, ``jobs``.

    Raises
    ------
    ValueError
        If the file is not TOML, or has a key or value that does not belong.
    """
    path = Path(path)
    try:
        given = tomllib.loads(path.read_text())
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"Cannot read {str(path)!r}: {error}") from error
    rest: dict[str, Any] = {key: given.pop(key) for key in ("out", "jobs") if key in given}
    suite = get_suite(given.pop("suite")) if "suite" in given else Suite(name=path.stem)
    known = {"problems", "methods", "seeds", "tracks", "tuning", "timeout", "mem", "threads"}
    if unknown := sorted(set(given) - known):
        raise ValueError(
            f"Unknown key {unknown[0]!r} in {str(path)!r}: expected one of "
            f"{', '.join(sorted(known | {'suite', 'out', 'jobs'}))}."
        )
    return override(suite, **given), rest


def override(
    suite: Suite,
    *,
    problems: Iterable[str | Mapping[str, Any]] | None = None,
    methods: Iterable[str] | None = None,
    seeds: str | int | Iterable[int] | None = None,
    tracks: Iterable[str] | None = None,
    tuning: Iterable[str] | None = None,
    timeout: str | float | None = None,
    mem: str | int | None = None,
    threads: int | None = None,
) -> Suite:
    """Return the suite with some of it replaced; what is None stays.

    Raises
    ------
    ValueError
        If a track or tuning is unknown, or a seed, duration or size cannot be read.
    """
    changes: dict[str, Any] = {}
    for name, value in (("problems", problems), ("methods", methods)):
        if value is not None:
            changes[name] = (value,) if isinstance(value, str) else tuple(value)
    if seeds is not None:
        changes["seeds"] = parse_seeds(seeds)
    if tracks is not None:
        changes["tracks"] = _among("track", tracks, get_args(Track))
    if tuning is not None:
        changes["tuning"] = _among("tuning", tuning, get_args(Tuning))
    limits: dict[str, Any] = {}
    if timeout is not None:
        limits["seconds"] = parse_duration(timeout)
    if mem is not None:
        limits["bytes"] = parse_size(mem)
    if threads is not None:
        limits["threads"] = threads
    if limits:
        changes["limits"] = Limits(**(suite.limits.model_dump() | limits))
    assert {field.name for field in fields(suite)} >= set(changes)
    return replace(suite, **changes)


def _among(what: str, given: Iterable[str], allowed: tuple[str, ...]) -> tuple[str, ...]:
    values = (given,) if isinstance(given, str) else tuple(given)
    for value in values:
        if value not in allowed:
            raise ValueError(f"Unknown {what} {value!r}: expected {' or '.join(allowed)}.")
    return tuple(dict.fromkeys(values))
