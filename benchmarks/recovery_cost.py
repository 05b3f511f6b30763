"""Time and memory of the default recovery against dimension, number of features and samples.

    OMP_NUM_THREADS=1 python benchmarks/recovery_cost.py

Each row is a process of its own, so that peak memory is its own. Four features a dimension, one
and a half active on average but at most a tenth of the time, noise 0.01 so that no feature is read
off exactly; number of features unknown. Then 20 dimensions with more samples, and more features.
"""

import multiprocessing
import resource
import time
import warnings

import toy
import unfold
from evaluation.scoring.score import score

SIZES = [
    *((d, 4 * d, 50_000) for d in (5, 10, 20, 32, 64, 128)),
    *((20, 80, n) for n in (25_000, 100_000, 200_000, 400_000)),
    *((20, k, 50_000) for k in (20, 40, 160)),
]


def measure(d: int, k: int, n: int) -> str:
    density = round(min(0.1, 1.5 / k), 4)
    spec = {"id": f"planted-{k}in{d}-p{density:g}-noise0.01/v1", "n_train": n, "n_test": 1000}
    problem = toy.make_problem(spec, 0)
    warnings.simplefilter("ignore")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.process_time()
    found = unfold.recover(problem.observed.train)
    seconds = time.process_time() - start
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    f1 = score(found.components_, None, problem)["f1@0.9"]
    return f"| {d} | {k} | {n:,} | {seconds:.1f} | {grown:.0f} | {f1:.2f} | {found.road_} |"


def main() -> None:
    print("| d | k | N | s | MiB | f1@.9 | road |")
    print("|--:|--:|--:|--:|--:|--:|---|")
    context = multiprocessing.get_context("spawn")
    for size in SIZES:
        with context.Pool(1) as pool:
            print(pool.apply(measure, size), flush=True)


if __name__ == "__main__":
    main()
