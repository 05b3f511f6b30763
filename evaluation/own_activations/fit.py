"""Fit a method to one's own activations, and write down what it found."""

import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from evaluation.isolation.estimates import pack_codes
from evaluation.own_activations.chance import against_chance, features_by_chance
from evaluation.own_activations.features.examples import read_examples
from evaluation.own_activations.features.write import write_features
from evaluation.own_activations.limits import (
    OutOfTime,
    Stopped,
    check_memory,
    signs_of_life,
    time_limit,
)
from evaluation.own_activations.measure import measure
from evaluation.own_activations.summary import summarise, write, write_summary
from unfold.io.activations import open_activations

#: Samples that are checked on rather than fitted: at most so many, a tenth, where there are enough.
HELD_OUT, HELD_OUT_FROM = 2_000, 1_000
#: Samples fitted first where there are many more, so that something is kept from early on.
FIRST_STAGE, STAGES_FROM = 5_000, 20_000
#: Tried in this order where no method is named.
DEFAULT_METHODS = ("recover", "alternating")


@dataclass(frozen=True)
class Fitted:
    """What `fit_file` did.

    Attributes
    ----------
    summary : dict
        Plain JSON, as in ``summary.json``.
    paths : list of Path
        Files written.
    """

    summary: dict[str, Any]
    paths: list[Path]


def fit_file(
    file: str | Path,
    out: str | Path | None = None,
    *,
    method: str | None = None,
    n_components: int | None = None,
    key: str | None = None,
    codes: bool = False,
    seed: int = 0,
    max_samples: int | None = None,
    memory: float | None = None,
    timeout: float | None = None,
    overwrite: bool = False,
    chance: bool = False,
    examples: str | Path | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Fitted:
    """Find the feature directions in a file of activations.

    Writes ``dictionary.safetensors`` (as `unfold.save_dictionary` does, the summary among its
    facts; "usage" (k,) beside), ``summary.json``, ``summary.html``, ``features.html`` and, if
    asked, ``codes.safetensors`` (dense, or the parts of a CSR matrix) into ``out``. Of many
    samples a few are fitted first: what they give is written down, and kept if the fit to all is
    interrupted or runs out of time. A tenth, at most 2,000, is not fitted but checked on.

    Parameters
    ----------
    file : str or Path
        As for `unfold.open_activations`.
    out : str or Path, optional
        Folder; by default the file's name with ``.features``.
    method : str, optional
        Selector of a method, as in "alternating[alpha=0.1]"; by default the best there is.
    n_components : int, optional
        By default the method finds how many features there are.
    key : str, optional
        Which array, where the file holds several.
    codes : bool
    seed : int
    max_samples : int, optional
        Fit a random subsample of this size.
    memory : float, optional
        Gigabytes that the fit may take; by default most of what is free.
    timeout : float, optional
        Seconds after which the best found so far is kept.
    chance : bool
        Fit the method to Gaussian samples of the same covariance, too, and say how many features
        that gives.
    examples : str or Path, optional
        Texts of all rows, as `read_examples` reads them: ``features.html`` shows each feature in
        the texts it is strongest in, without them in rows of the file.
    overwrite : bool
        Whether an earlier fit in ``out`` may be replaced.
    say : callable
        Told what runs and what was found, a line at a time.

    Returns
    -------
    Fitted

    Raises
    ------
    FileError
        If the file does not hold usable activations.
    ValueError
        If there is no such method, it refuses the data, ``out`` holds an earlier fit, or memory or
        time do not do.
    """
    X = open_activations(file, key)
    texts = None if examples is None else read_examples(examples, len(X))
    name, make = _maker(method, n_components, seed)
    rng = np.random.default_rng(seed)
    rows, fresh = _split(len(X), max_samples, rng)
    needed = check_memory(len(rows), X.shape[1], memory)
    out = _vacant(Path(out) if out else Path(f"{Path(file).stem}.features"), overwrite)
    say(
        f"{len(rows):,} of {len(X):,} samples of {X.shape[1]:,} dimensions; may take "
        f"{needed / 1e9:.2g} GB."
    )
    facts = {
        "file": Path(file).name,
        "n_samples": len(X),
        "d": X.shape[1],
        "method": name,
        "seed": seed,
        "version": version("unfold-superposition"),
    }
    work = _Work(np.asarray(X[rows]), X[fresh] if len(fresh) else None, out, facts, seed, say)
    fitted = _in_stages(work, make, timeout)
    if chance and fitted.summary["stopped"] is None:
        work.count_by_chance(fitted, make)
    fitted.paths.append(write_features(work.best, X, texts, out, facts))
    if codes:
        fitted.paths.append(_write_codes(work.best, X, out))
    return fitted


@dataclass(eq=False)
class _Work:
    """Samples to fit and to check on, and what is kept of the fits."""

    X: np.ndarray
    fresh: np.ndarray | None
    out: Path
    facts: dict[str, Any]
    seed: int
    say: Callable[[str], None]
    best: Any = None

    def keep(self, estimator: Any, n: int, seconds: float, caught: list[Any]) -> Fitted:
        """Measure a fit, and write it down in place of the last."""
        self.best = estimator
        measured = measure(estimator, self.X)
        fresh = None if self.fresh is None else measure(estimator, self.fresh)
        chance = None if self.fresh is None else against_chance(estimator, self.fresh, self.seed)
        summary = self.facts | summarise(estimator, measured, fresh, chance, caught)
        summary |= {"n_fitted": n, "fit_seconds": round(seconds, 3), "stopped": None}
        shown = measured if fresh is None else fresh
        self.say(
            f"  {summary['n_features']:,} features from {n:,} samples in {seconds:.1f} s explain "
            f"{shown.explained_variance:.1%}{'' if fresh is None else ' of new samples'} with "
            f"{shown.mean_active:.3g} active; kept in {self.out}"
        )
        return Fitted(summary, write(self.out, estimator, measured, summary))

    def count_by_chance(self, fitted: Fitted, make: Callable[[], Any]) -> None:
        """Count what the method finds in the data's Gaussian double, and write it down."""
        with signs_of_life(self.say, "fitting Gaussian samples of the same covariance"):
            found, confidence = features_by_chance(make, self.X[:FIRST_STAGE], self.seed)
        own = fitted.summary["confidence"]
        sure = None if own is None or confidence is None else sum(c > confidence for c in own)
        known = fitted.summary["chance"] or {}
        fitted.summary["chance"] = known | {
            "n_features_by_chance": found,
            "largest_confidence_by_chance": confidence,
            "n_features_more_confident": sure,
            "sentence": f"{known.get('sentence', '')} Fitted to such samples, the method finds "
            f"{found:,} features.".strip(),
        }
        write_summary(self.out, fitted.summary)


def _in_stages(work: _Work, make: Callable[[], Any], timeout: float | None) -> Fitted:
    """Fit a few samples, then all, so that there is something to keep from early on."""
    n, kept, began = len(work.X), None, time.perf_counter()
    stages = [FIRST_STAGE, n] if n >= STAGES_FROM else [n]
    for size in stages:
        left = None if timeout is None else timeout - (time.perf_counter() - began)
        what = f"fitting {work.facts['method']} to {size:,} samples"
        try:
            with time_limit(left), signs_of_life(work.say, what):
                at, (estimator, caught) = time.perf_counter(), _fitted(make(), work.X[:size])
                seconds = time.perf_counter() - at
        except (Stopped, KeyboardInterrupt) as reason:
            if kept is None:
                if isinstance(reason, OutOfTime):
                    raise ValueError(
                        f"{work.facts['method']} found nothing within {timeout:g} s: give more "
                        f"with --timeout, or fewer samples with --max-samples."
                    ) from None
                raise
            late = isinstance(reason, OutOfTime)
            kept.summary["stopped"] = f"after {timeout:g} s" if late else "interrupted"
            work.say(f"Stopped; the features of {kept.summary['n_fitted']:,} samples are kept.")
            write_summary(work.out, kept.summary)
            return kept
        kept = work.keep(estimator, size, seconds, caught)
    assert kept is not None
    return kept


def _fitted(estimator: Any, X: np.ndarray) -> tuple[Any, list[Any]]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        fitted = estimator.fit(X)
    return (estimator if fitted is None else fitted), caught


def _split(
    n: int, max_samples: int | None, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return rows to fit, in random order where there are stages, and rows to check on."""
    if max_samples is None and n < HELD_OUT_FROM:
        return np.arange(n), np.zeros(0, np.int64)
    order = rng.permutation(n)
    n_fresh = min(HELD_OUT, n // 10) if n >= HELD_OUT_FROM else 0
    fresh, rows = order[:n_fresh], order[n_fresh:][:max_samples]
    return rows, np.sort(fresh)


def _vacant(out: Path, overwrite: bool) -> Path:
    """Return the folder to write to, if it holds no earlier fit."""
    if (out / "summary.json").exists() and not overwrite:
        raise ValueError(
            f"{str(out)!r} holds an earlier fit: give another folder with -o, or --overwrite."
        )
    return out


def _maker(
    method: str | None, n_components: int | None, seed: int
) -> tuple[str, Callable[[], Any]]:
    """Return a method's name, and what makes it; tried once, so that wrong parameters are told."""
    import inspect

    from evaluation.running.selectors import parse_methods
    from unfold import get_method, list_methods

    known = list_methods()
    if method is None:
        method = next((name for name in DEFAULT_METHODS if name in known), "")
        if not method:
            raise ValueError(f"No default method is installed: name one with -m, of {known}.")
    choices = parse_methods([method], known)
    if len(choices) != 1:
        raise ValueError(f"{method!r} stands for {len(choices)} methods; fit takes one.")
    kind = get_method(choices[0].path)
    params = dict(choices[0].params)
    takes = inspect.signature(kind).parameters
    if n_components is not None:
        if "n_components" not in takes:
            raise ValueError(f"{choices[0].path!r} takes no n_components.")
        params["n_components"] = n_components
    if "random_state" in takes:
        params.setdefault("random_state", seed)
    try:
        kind(**params)
    except TypeError as error:
        raise ValueError(f"{choices[0].path!r}: {error}; it takes {', '.join(takes)}.") from error
    return choices[0].name, lambda: kind(**params)


def _write_codes(estimator: Any, X: Any, out: Path) -> Path:
    """Write the codes of all samples, as `unfold.io` reads them."""
    from safetensors.numpy import save
    from scipy.sparse import vstack

    from evaluation.running.store import write_atomically

    parts = measure(estimator, X, keep=True).codes
    path = out / "codes.safetensors"
    write_atomically(path, save(pack_codes(vstack(parts, format="csr"), "codes")))
    return path
