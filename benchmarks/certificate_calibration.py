"""Coverage and tightness of the certificate of enumeration, over many planted and trained worlds.

Features are withheld from the true dictionary on purpose; the bound on the probability that an
activation holds one of them must be right at least as often as it says.

    python benchmarks/certificate_calibration.py --seeds 20 --out calibration.csv
"""

import argparse
from pathlib import Path

import pandas as pd

from evaluation.scoring.certificate_calibration import calibrate, summarise

PROBLEMS = (
    "planted-5in2-p0.05/v1",
    "planted-16in8-p0.08/v1",
    "planted-30in10-p0.05/v1",
    "planted-40in20-p0.05/v1",
    "planted-40in20-p0.05-signed/v1",
    "planted-80in20-p0.05/v1",
    "planted-80in20-p0.1/v1",
    "relu-5in2-p0.05/v1",
    "relu-20in5-p0.05/v1",
    "relu-20in5-p0.1/v1",
    "relu-80in20-p0.05/v1",
    "planted-40in20-p0.05-noise0.01/v1",
    "planted-80in20-p0.05-noise0.02/v1",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--heldout", type=int, default=1000)
    parser.add_argument("--confidence", type=float, default=0.95)
    parser.add_argument("--withheld", type=int, nargs="+", default=[0, 1, 2, 3])
    parser.add_argument("--problems", nargs="+", default=list(PROBLEMS))
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    seeds = range(args.first_seed, args.first_seed + args.seeds)
    options = {"n_heldout": args.heldout, "confidence": args.confidence}
    frames = []
    for problem in args.problems:
        # noise of s per coordinate leaves s sqrt(d) of a sample whose norm is about one
        tolerance = 0.15 if "noise" in problem else 0.05
        frames.append(calibrate([problem], seeds, args.withheld, tolerance=tolerance, **options))
        print(summarise(frames[-1]).to_string(index=False, header=len(frames) == 1), flush=True)
    trials = pd.concat(frames, ignore_index=True)
    print(summarise(trials, "withheld").to_string(index=False))
    print(summarise(trials.assign(all="all"), "all").to_string(index=False))
    if args.out:
        trials.to_csv(args.out, index=False)


if __name__ == "__main__":
    main()
