"""Speed of sparse inference, beside SPAMS, scikit-learn and the product that is its floor.

One run measures everything, one thread each, at equal relative duality gap (1e-6 or better, all
recomputed here by one function), in float64 and float32; figures are medians over interleaved
repeats. ``--clock cpu`` counts processor time, for a machine that others use too (waiting for
them is not counted); two threads are always timed by the wall. Needs ``pip install spams-bin``.

    OMP_NUM_THREADS=1 python benchmarks/sparse_encode.py [--clock cpu] [--json FILE] [--large]
"""

import argparse
import json
import os
import platform
import time
import warnings
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from unfold.sparse_coding.certificates import duality_gap
from unfold.sparse_coding.encode import sparse_encode
from unfold.sparse_coding.solvers.blocks import blas_controller

SIZES = [(80, 20, 0.05), (512, 128, 0.01), (4096, 512, 0.002)]
ALPHA = 0.02


def planted(k, d, density, n, dtype):
    rng = np.random.default_rng(0)
    D = rng.normal(size=(k, d))
    D /= np.linalg.norm(D, axis=1, keepdims=True)
    Z = (rng.random((n, k)) < density) * rng.random((n, k))
    return (Z @ D).astype(dtype), D.astype(dtype)


def gap_of(X, D, codes):
    """Worst relative duality gap of the codes, in float64, whoever found them."""
    worst = 0.0
    for i in range(0, X.shape[0], 500):
        rows = slice(i, i + 500)
        Z = codes[rows]
        Z = Z.toarray() if hasattr(Z, "toarray") else Z
        gap = duality_gap(X[rows].astype(float), D.astype(float), Z.astype(float), ALPHA)
        worst = max(worst, float(gap.max()))
    return worst


def contenders(X, D, n_nonzero, with_sklearn):
    import spams
    from sklearn.decomposition import sparse_encode as sklearn_sparse_encode

    XT, DT = np.asfortranarray(X.T), np.asfortranarray(D.T)
    few = slice(0, with_sklearn)
    # without eps=0 SPAMS finds not one atom in float32
    runs = {
        "floor: X @ D.T": lambda: X @ D.T,
        "unfold lasso": lambda: sparse_encode(X, D, alpha=ALPHA, sparse_output=True).codes,
        "unfold lasso, dense codes": lambda: sparse_encode(X, D, alpha=ALPHA).codes,
        "SPAMS lasso": lambda: spams.lasso(
            XT, DT, lambda1=ALPHA, mode=2, pos=True, numThreads=1
        ).T.tocsr(),
        "unfold OMP": lambda: (
            sparse_encode(
                X, D, penalty="l0", n_nonzero=n_nonzero, positive=False, sparse_output=True
            ).codes
        ),
        "unfold non-negative OMP": lambda: (
            sparse_encode(X, D, penalty="l0", n_nonzero=n_nonzero, sparse_output=True).codes
        ),
        "SPAMS OMP": lambda: spams.omp(XT, DT, L=n_nonzero, eps=0.0, numThreads=1),
        "scikit-learn lasso_cd": lambda: sklearn_sparse_encode(
            X[few], D, algorithm="lasso_cd", alpha=ALPHA, positive=True, max_iter=10_000
        ),
    }
    if not with_sklearn:
        del runs["scikit-learn lasso_cd"]
    return runs


def measure(size, n, repeats, dtype, sklearn_rows, clock):
    k, d, density = size
    X, D = planted(k, d, density, n, dtype)
    runs = contenders(X, D, max(1, round(k * density)), sklearn_rows)
    seconds, gaps = {name: [] for name in runs}, {}
    with blas_controller().limit(limits=1):
        for repeat in range(repeats + 1):  # the first one warms up, and compiles
            for name, run in runs.items():
                slow = name.startswith("scikit-learn")
                if slow and repeat > 1:
                    continue
                if not slow:
                    run()  # so that none pays for memory that the one before has given back
                start = clock()
                codes = run()
                elapsed = clock() - start
                if repeat or slow:
                    share = n / min(n, sklearn_rows) if slow else 1
                    seconds[name].append(elapsed * share)
                elif "lasso" in name:
                    gaps[name] = gap_of(X, D, codes)
    if "scikit-learn lasso_cd" in runs:
        gaps["scikit-learn lasso_cd"] = gap_of(X[:sklearn_rows], D, runs["scikit-learn lasso_cd"]())
    return {
        name: {"seconds": float(np.median(s)), "gap": gaps.get(name)} for name, s in seconds.items()
    }


def two_threads(size, n, repeats, dtype):
    X, D = planted(*size, n, dtype)
    times = {1: [], 2: []}
    for _ in range(repeats + 1):
        for threads, taken in times.items():
            start = time.perf_counter()
            sparse_encode(X, D, alpha=ALPHA, sparse_output=True, n_threads=threads)
            taken.append(time.perf_counter() - start)
    one, two = (float(np.median(taken[1:])) for taken in times.values())
    return {"one": one, "two": two, "speedup": one / two}


def large(n=2000):
    """16,384 atoms in 768 dimensions: no Gram matrix, bounded memory."""
    import resource

    X, D = planted(16384, 768, 0.002, n, np.float32)
    floor = min(_clock(lambda: X @ D.T) for _ in range(3))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found = {}

    def run():
        found["solution"] = sparse_encode(X, D, alpha=ALPHA, sparse_output=True)

    seconds = min(_clock(run) for _ in range(2))
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    return {
        "seconds": seconds,
        "floor": floor,
        "extra_MiB": grown,
        "gap": gap_of(X, D, found["solution"].codes),
    }


def _clock(run):
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def table(results):
    lines = [
        "| size | dtype | who | seconds | x floor | SPAMS / it | worst gap |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in results:
        times = row["times"]
        floor = times["floor: X @ D.T"]["seconds"]
        for name, got in times.items():
            rival = times["SPAMS OMP" if "OMP" in name else "SPAMS lasso"]["seconds"]
            gap = "" if got["gap"] is None else f"{got['gap']:.0e}"
            lines.append(
                f"| {row['k']} x {row['d']} | {row['dtype']} | {name} | {got['seconds']:.4f} | "
                f"{got['seconds'] / floor:.1f} | {rival / got['seconds']:.1f} | {gap} |"
            )
    return "\n".join(lines)


def main():
    # What scikit-learn reaches is measured; its own warnings say nothing more.
    warnings.filterwarnings("ignore", module="sklearn")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--samples", type=int, default=5000)
    parser.add_argument("--sizes", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--without-sklearn", action="store_true", help="Minutes shorter.")
    parser.add_argument("--large", action="store_true")
    parser.add_argument("--clock", choices=["wall", "cpu"], default="wall")
    options = parser.parse_args()
    clock = time.perf_counter if options.clock == "wall" else time.process_time
    results = []
    for which in options.sizes:
        size = SIZES[which]
        for dtype in (np.float64, np.float32):
            rows = 0 if options.without_sklearn else [500, 500, 100][which]
            times = measure(size, options.samples, options.repeats, dtype, rows, clock)
            k, d, density = size
            row = {"k": k, "d": d, "density": density, "dtype": dtype.__name__, "times": times}
            # short runs, on a wall clock: more of them
            row["threads"] = two_threads(size, options.samples, 5 * options.repeats, dtype)
            results.append(row)
            print(table([row]), "\n", f"two threads: {row['threads']['speedup']:.2f}x", flush=True)
    report = {"results": results, "machine": platform.processor(), "numpy": np.__version__}
    if options.large:
        report["large"] = large()
        print(report["large"])
    if options.json:
        options.json.write_text(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
