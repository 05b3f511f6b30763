"""Training steps a second of ReLU-output toys, beside a loop as in the paper's notebook.

    python benchmarks/toy_training.py [--repeats 15]

Both take AdamW steps on fresh data, ten instances with batches of 1024. The notebook's loop draws
dense batches and differentiates einsums; ours is `toy.train_many`'s. One thread; medians over
alternating repeats of process time, so that a busy machine slows both alike.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch

from toy.build import build_features
from toy.features.spec import FeaturesSpec
from toy.models.networks import TiedModel
from toy.spec import TrainingSpec
from toy.training.compiled_engine import Engine
from toy.training.instance import Instance
from toy.training.train import initial

INSTANCES, BATCH, RATE = 10, 1024, 1e-3


def notebook(n: int, m: int, p: float) -> Callable[[int], None]:
    """Return a function that takes steps as the paper's notebook does."""
    generator = torch.Generator().manual_seed(0)
    W = torch.nn.Parameter(torch.randn(INSTANCES, n, m, generator=generator) * (2 / (n + m)) ** 0.5)
    b = torch.nn.Parameter(torch.zeros(INSTANCES, n))
    importance, density = torch.ones(n), torch.full((INSTANCES, 1), p)
    optimizer = torch.optim.AdamW([W, b], lr=RATE)

    def steps(count: int) -> None:
        for _ in range(count):
            optimizer.zero_grad(set_to_none=True)
            shape = (BATCH, INSTANCES, n)
            values = torch.rand(shape, generator=generator)
            active = torch.rand(shape, generator=generator) <= density
            x = torch.where(active, values, torch.zeros(()))
            hidden = torch.einsum("...if,...ifh->...ih", x, W)
            out = torch.relu(torch.einsum("...ih,...ifh->...if", hidden, W) + b)
            loss = (importance * (x.abs() - out) ** 2).mean(dim=(0, 2)).sum()
            loss.backward()
            optimizer.step()

    return steps


def ours(n: int, m: int, p: float) -> Callable[[int], None]:
    """Return a function that takes steps as `toy.train_many` does."""
    gate = {"kind": "independent", "p": p}
    features = build_features(FeaturesSpec.model_validate({"n": n, "gate": gate}), seed=0)
    training = TrainingSpec(batch=BATCH, lr=RATE)
    model = TiedModel(n, m)
    instances = [Instance(features, np.ones(n), seed) for seed in range(INSTANCES)]
    starts = [initial(model, one, training) for one in instances]
    engine = Engine(model, instances, training, starts)
    taken = 0

    def steps(count: int) -> None:
        nonlocal taken
        engine.advance(taken, np.full(count, RATE))
        taken += count

    return steps


def milliseconds(steps: Callable[[int], None], count: int) -> float:
    start = time.process_time()
    steps(count)
    return 1e3 * (time.process_time() - start) / count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=15)
    repeats = parser.parse_args().repeats
    torch.set_num_threads(1)
    print("features  density   notebook ms/step   ours ms/step   ratio")
    for n, m in ((20, 5), (100, 20)):
        for p in (1.0, 0.1, 0.01):
            theirs, mine = notebook(n, m, p), ours(n, m, p)
            milliseconds(theirs, 5), milliseconds(mine, 5)
            pairs = [(milliseconds(theirs, 5), milliseconds(mine, 20)) for _ in range(repeats)]
            slow, fast = (statistics.median(times) for times in zip(*pairs, strict=True))
            print(
                f"{n:4d} in {m:<3d}{p:8.2f}{slow:17.2f}{fast:15.3f}{slow / fast:11.1f}", flush=True
            )


if __name__ == "__main__":
    main()
