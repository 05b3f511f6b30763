"""How many samples each method needs to find 80 features in 20 dimensions, at each density.

    OMP_NUM_THREADS=1 python benchmarks/samples_needed.py [--csv FILE] [--picture FILE]

For each method and density the number of samples grows until f1@.9 is .99 or more (the number of
features told; codes uniform on [0, 1], no noise). Rows say what it took, or where it stopped: at
300,000 samples, or a minute of processor time for one fit.
"""

import argparse
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

import toy
import unfold
from evaluation.scoring.score import score

METHODS = (
    "recover",
    "cumulants",
    "consensus",
    "alternating",
    "ksvd",
    "topk-sae",
    "sklearn-dictionary-learning",
)
DENSITIES = (0.025, 0.05, 0.1, 0.2, 0.3)
SAMPLES = (1000, 3000, 10_000, 30_000, 100_000, 300_000)
PATIENCE = 60.0


def rows(methods: tuple[str, ...], seed: int) -> Iterator[dict]:
    for density in DENSITIES:
        spec = {"id": f"planted-80in20-p{density}/v1", "n_train": max(SAMPLES), "n_test": 1000}
        problem = toy.make_problem(spec, seed)
        for name in methods:
            for n in SAMPLES:
                start = time.process_time()
                method = unfold.get_method(name)(n_components=80, random_state=seed)
                fitted = method.fit(problem.observed.train[:n])
                seconds = time.process_time() - start
                f1 = score(unfold.dictionary_of(fitted), None, problem)["f1@0.9"]
                yield {"density": density, "method": name, "n": n, "f1": f1, "seconds": seconds}
                if f1 >= 0.99 or seconds > PATIENCE:
                    break


def draw(table: pd.DataFrame, path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(6.4, 4.2), layout="constrained")
    markers = "osDv^P*"
    for i, (method, part) in enumerate(table.groupby("method", sort=False)):
        solved = part[part["f1"] >= 0.99]
        shift = 1 + 0.025 * (i - 3)  # curves on top of each other stay apart
        axes.plot(
            solved["density"] * shift, solved["n"], marker=markers[i % 7], label=method, lw=1.8
        )
    axes.set(
        xscale="log",
        yscale="log",
        xlabel="density of features",
        xticks=DENSITIES,
        xticklabels=[f"{p:g}" for p in DENSITIES],
        ylim=(700, 450_000),
        ylabel="samples until f1@.9 ≥ .99",
        title="80 features in 20 dimensions",
    )
    axes.minorticks_off()
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8, frameon=False)
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--methods", nargs="+", default=METHODS)
    parser.add_argument("--csv", type=Path)
    parser.add_argument("--picture", type=Path)
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    found = []
    for row in rows(tuple(args.methods), args.seed):
        found.append(row)
        print(" ".join(f"{k}={v:.3g}" if k != "method" else v for k, v in row.items()), flush=True)
        if args.csv:
            pd.DataFrame(found).to_csv(args.csv, index=False)
    table = pd.DataFrame(found)
    if args.picture:
        draw(table, args.picture)
    last = table.groupby(["method", "density"], sort=False).last()
    text = np.where(last["f1"] >= 0.99, last["n"].astype(str), "> " + last["n"].astype(str))
    board = pd.Series(text, last.index).unstack().reindex(list(args.methods))
    print("| method | " + " | ".join(f"{p:g}" for p in board.columns) + " |")
    for method, cells in board.iterrows():
        print(f"| {method} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
