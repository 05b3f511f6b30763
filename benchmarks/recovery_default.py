"""Measure the default recovery on the worlds of the zoo: one row of a table each.

    OMP_NUM_THREADS=1 python benchmarks/recovery_default.py [--told] [--seeds 0 1] [ID ...]

Ids are those of the zoo, with ``@N`` behind them for another number of samples. Seconds are of
processor time; scores are the leaderboard's. The number of features is unknown unless told.
Peers are measured by ``recovery_peers.py``.
"""

import argparse
import time
import warnings

import toy
import unfold
from evaluation.scoring.score import score

TRAINED = [
    *(f"relu-{size}-p{p}" for size in ("5in2", "20in5", "80in20") for p in ("0.05", "0.1")),
    "anticorrelated-20in5-p0.4",
    "identity-40in10-p0.05",
    "hidden-relu-10in5-p0.06",
    "compressed-100in50-none",
    "composed-16in6",
    "composed-8in3",
    "correlated-20in10-p0.05",
    "absolute-3in6",
    "linear-20in5-p0.1",
]
FLAT = [
    *(f"planted-80in20-p{p}@1000000" for p in ("0.15", "0.2", "0.3", "0.5")),
    "planted-80in20-p0.1",
    "planted-80in20-p0.05-noise0.02",
    "planted-40in20-p0.05-signed",
    "planted-640in32-p0.003",
    "planted-256in64-p0.02@60000",
    "planted-256in64-p0.02-noise0.02@60000",
    "planted-512in128-p0.015@100000",
    "planted-512in128-p0.003-noise0.01@50000",
    "ksvd-50in20",
    "ksvd-50in20-snr10",
    "exactly-100in47-k10",
    *(f"{kind}-40in20-p0.05" for kind in ("coherent", "incoherent", "anisotropic")),
    "sharkey-128in64",
    "sharkey-512in256",
    "sharkey-512in256-correlated",
]
TREES = ["tree-256in64", "tree-256in64-alone0.3", "tree-512in96", "tree-4096in512"]


def measure(name: str, seed: int, told: bool) -> str:
    zoo_id, _, n = name.partition("@")
    spec = {"id": f"{zoo_id}/v1", **({"n_train": int(n), "n_test": 2000} if n else {})}
    problem = toy.make_problem(spec, seed=seed)
    k, X = int(problem.truth.represented.sum()), problem.observed.train
    start = time.process_time()
    found = unfold.recover(X, k if told else None)
    seconds = time.process_time() - start
    scores = score(found.components_, None, problem)
    figures = [scores[m] for m in ("f1@0.9", "f1@0.99", "recall@0.9", "mcc", "worst_cosine")]
    cells = [zoo_id, f"{len(X):,}", str(k), str(found.n_components_)]
    cells += [f"{value:.3f}" for value in figures[:-1]] + [f"{figures[-1]:.4f}"]
    return "| " + " | ".join([*cells, f"{seconds:.1f}", found.road_]) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("ids", nargs="*", default=[*TRAINED, *FLAT, *TREES])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--told", action="store_true", help="Tell the number of features.")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    print("| problem | N | k | found | f1@.9 | f1@.99 | recall@.9 | MCC | worst | s | road |")
    print("|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|---|")
    for name in args.ids:
        for seed in args.seeds:
            print(measure(name, seed, args.told), flush=True)


if __name__ == "__main__":
    main()
