"""How many features are there? Estimators of the number against the truth, world by world.

    OMP_NUM_THREADS=1 python benchmarks/count_estimators.py [--seeds 0 1] [--samples 50000]

Prints a Markdown table of estimates, seconds, and the mean relative error of each estimator.
"""

import argparse
import time
import warnings

import numpy as np

import toy
from unfold.pipeline.count_features import ESTIMATORS, count_features

PROBLEMS = (
    "relu-5in2-p0.05/v1",
    "relu-20in5-p0.05/v1",
    "relu-20in5-p0.1/v1",
    "relu-80in20-p0.05/v1",
    "planted-40in20-p0.05/v1",
    "planted-80in20-p0.1/v1",
    "planted-80in20-p0.05-noise0.02/v1",
    "planted-30in10-p0.3/v1",
    "planted-40in20-p0.05-signed/v1",
    "ksvd-50in20-snr20/v1",
    "composed-16in6/v1",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--samples", type=int, default=50_000)
    parser.add_argument("--problems", nargs="+", default=PROBLEMS)
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    errors: dict[str, list[float]] = {name: [] for name in ESTIMATORS}
    print("| world | seed | true | " + " | ".join(ESTIMATORS) + " |")
    print("|---|--:|--:|" + "--:|" * len(ESTIMATORS))
    for problem in args.problems:
        for seed in args.seeds:
            made = toy.make_problem(problem, seed)
            X = made.observed.train[: args.samples]
            # directions that coincide up to the sign of signed codes are one, unseen ones none
            true = int(made.truth.represented.sum())
            cells = []
            for name in ESTIMATORS:
                start = time.process_time()
                found = count_features(X, name)
                errors[name].append(abs(found - true) / true)
                cells.append(f"{found} ({time.process_time() - start:.1f} s)")
            print(f"| {problem} | {seed} | {true} | " + " | ".join(cells) + " |", flush=True)
    means = " | ".join(f"{np.mean(errors[name]):.2f}" for name in ESTIMATORS)
    print(f"| mean error, relative | | | {means} |")


if __name__ == "__main__":
    main()
