"""Measure the default recovery against its targets, beside peers: one line a cell.

Run ``python benchmarks/recovery_default.py [--seeds 0 1] [--peers] [NAME ...]`` with one thread
(``OMP_NUM_THREADS=1``). Names are those of ``CASES``; all but the slow ones unless given. Peers are
scikit-learn's online dictionary learner and this package's TopK autoencoder where it is installed.
"""

import argparse
import time
import warnings
from collections.abc import Callable

import numpy as np
from scipy.optimize import linear_sum_assignment

import toy
import unfold
from unfold.methods.recover import recover


def planted(d: int, k: int, density: float, n: int, noise: float, seed: int) -> tuple:
    rng = np.random.default_rng(seed)
    D = rng.standard_normal((k, d))
    D /= np.linalg.norm(D, axis=1, keepdims=True)
    X = np.empty((n, d), np.float32)
    for start in range(0, n, 50_000):
        rows = min(50_000, n - start)
        Z = (rng.random((rows, k)) < density) * rng.random((rows, k))
        X[start : start + rows] = Z @ D + noise * rng.standard_normal((rows, d))
    return X, D


def zoo(name: str) -> Callable[[int], tuple]:
    def make(seed: int) -> tuple:
        problem = toy.make_problem(name, seed=seed)
        truth = problem.truth
        return problem.observed.train, truth.directions[truth.represented]

    return make


def world(d: int, k: int, density: float, n: int, noise: float = 0.0) -> Callable[[int], tuple]:
    return lambda seed: planted(d, k, density, n, noise, seed)


CASES: dict[str, Callable[[int], tuple]] = {
    **{
        name: zoo(f"{name}/v1")
        for name in (
            "relu-5in2-p0.05",
            "relu-20in5-p0.05",
            "relu-20in5-p0.1",
            "relu-80in20-p0.05",
            "relu-80in20-p0.1",
            "planted-40in20-p0.05",
            "planted-80in20-p0.1",
            "planted-80in20-p0.05-noise0.02",
            "tree-256in64",
        )
    },
    "sparse-640in32": world(32, 640, 0.0025, 50_000),
    "flat-256in64": world(64, 256, 0.02, 60_000),
    "dense-80in20-p0.2": world(20, 80, 0.2, 300_000),
    "dense-80in20-p0.3": world(20, 80, 0.3, 300_000),
    "dense-80in20-p0.5": world(20, 80, 0.5, 1_000_000),
}
SLOW = {"dense-80in20-p0.2", "dense-80in20-p0.3", "dense-80in20-p0.5"}


def row(truth: np.ndarray, found: np.ndarray) -> str:
    cosine = truth @ np.asarray(found, np.float64).T
    i, j = linear_sum_assignment(-cosine)
    best = np.zeros(len(truth))
    best[i] = cosine[i, j]
    f1 = {t: 2 * (best >= t).sum() / (len(truth) + len(found)) for t in (0.9, 0.99)}
    return f"{len(found):5d}  {f1[0.9]:.3f}  {f1[0.99]:.3f}  {best.min():.7f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=[n for n in CASES if n not in SLOW])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--peers", action="store_true")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    print("problem                         N        k given  found  f1@.9  f1@.99 worst cos   s")
    for name in args.names:
        for seed in args.seeds:
            X, truth = CASES[name](seed)
            size = len(truth)
            runs: list[tuple[str, Callable]] = [
                ("recover, k given", lambda X=X, k=size: recover(X, k)),
                ("recover, blind", lambda X=X: recover(X)),
            ]
            if args.peers:
                for peer in ("sklearn-dictionary-learning", "topk-sae"):
                    if peer in unfold.list_methods():
                        method = unfold.get_method(peer)(n_components=len(truth))
                        runs.append((peer, lambda X=X, m=method: m.fit(X)))
            for label, fit in runs:
                start = time.perf_counter()
                fitted = fit()
                seconds = time.perf_counter() - start
                road = getattr(fitted, "road_", "")
                scores = row(truth, unfold.dictionary_of(fitted))
                print(
                    f"{name:31s} {len(X):8d} {len(truth):4d}  {scores}  {seconds:6.1f}  "
                    f"{label} {road}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
