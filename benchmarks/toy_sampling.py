"""Samples a second of the tree worlds, beside ``sae_lens.synthetic`` at equal parameters.

    python benchmarks/toy_sampling.py [--repeats 5]

One thread; medians over alternating repeats of process time, so that a busy machine slows both
alike. The peer is skipped where it is not installed (`pip install sae-lens`).
"""

import argparse
import os
import statistics
import time
from collections.abc import Callable
from typing import Any

for pool in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[pool] = "1"

WORLDS: dict[str, dict[str, Any]] = {
    "tree-256in64/v1": {
        "features": 256,
        "dimensions": 64,
        "high": 0.2,
        "low": 0.005,
        "roots": 8,
        "depth": 2,
        "ours": 100_000,
        "peer": 8_192,
    },
    "tree-16384in768/v1": {
        "features": 16_384,
        "dimensions": 768,
        "high": 0.4,
        "low": 0.0005,
        "roots": 128,
        "depth": 3,
        "ours": 8_192,
        "peer": 1_024,
    },
}


def ours(problem: str) -> Callable[[int], Any]:
    import toy

    return toy.make_sampler(problem).sample


def peer(world: dict[str, Any]) -> Callable[[int], Any] | None:
    try:
        from sae_lens import synthetic
    except ImportError:
        return None
    import torch

    torch.set_num_threads(1)
    model = synthetic.SyntheticModel(
        synthetic.SyntheticModelConfig(
            num_features=world["features"],
            hidden_dim=world["dimensions"],
            firing_probability=synthetic.ZipfianFiringProbabilityConfig(
                exponent=0.5, max_prob=world["high"], min_prob=world["low"]
            ),
            hierarchy=synthetic.HierarchyConfig(
                total_root_nodes=world["roots"],
                branching_factor=4,
                max_depth=world["depth"],
                mutually_exclusive_portion=1.0,
                compensate_probabilities=True,
                scale_children_by_parent=True,
            ),
            correlation=synthetic.LowRankCorrelationConfig(rank=25, correlation_scale=0.1),
            mean_firing_magnitudes=synthetic.LinearMagnitudeConfig(start=5.0, end=4.0),
            std_firing_magnitudes=synthetic.FoldedNormalMagnitudeConfig(mean=0.5, std=0.5),
            bias=0.5,
            seed=42,
        )
    )

    def sample(n: int) -> Any:
        with torch.no_grad():
            return [model.sample(min(1024, n - start)) for start in range(0, n, 1024)]

    return sample


def seconds(sample: Callable[[int], Any], n: int) -> float:
    start = time.process_time()
    sample(n)
    return time.process_time() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    repeats = parser.parse_args().repeats
    for problem, world in WORLDS.items():
        runs = {"ours": ours(problem), "peer": peer(world)}
        rates: dict[str, list[float]] = {"ours": [], "peer": []}
        for turn in range(repeats + 1):
            for name, sample in runs.items():
                if sample is not None:
                    rate = world[name] / seconds(sample, world[name])
                    if turn > 0:  # the first turn compiles and allocates
                        rates[name].append(rate)
        mine = statistics.median(rates["ours"])
        line = f"{problem:22s} ours {mine:12,.0f} samples/s"
        if rates["peer"]:
            theirs = statistics.median(rates["peer"])
            line += f"   sae_lens {theirs:10,.0f} samples/s   ratio {mine / theirs:6.1f}"
        else:
            line += "   (sae_lens is not installed: nothing to compare with)"
        print(line, flush=True)


if __name__ == "__main__":
    main()
