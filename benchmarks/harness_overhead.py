"""What the harness costs: cells a second of a method that does nothing, and loading of results.

Run as ``python benchmarks/harness_overhead.py``; needs no argument and leaves nothing behind.
"""

import tempfile
import time
from pathlib import Path

from evaluation import load_records, run
from evaluation.boards import leaderboard
from evaluation.running.cell_keys import content_key
from evaluation.running.record import Record
from evaluation.running.store import Store

METHOD = """
import numpy as np

class Nothing:
    def __init__(self, number=0):
        self.number = number

    def fit(self, X):
        self.components_ = np.eye(X.shape[1])
        return self

    def transform(self, X):
        return np.maximum(X, 0)
"""
SPEC = {
    "features": {"n": 6, "gate": {"kind": "independent", "p": 0.2}},
    "source": {"kind": "planted", "d": 4},
    "n_train": 200,
    "n_test": 100,
}
N_CELLS, N_STORED = 400, 10_000


def cells_per_second(folder: Path) -> float:
    """Return the rate between the first cell that ends and the last: start-up apart."""
    plugin = folder / "nothing.py"
    plugin.write_text(METHOD)
    numbers = ",".join(map(str, range(N_CELLS)))
    times: list[float] = []
    run(
        [SPEC],
        [f"{plugin}:Nothing[number=[{numbers}]]"],
        0,
        folder / "out",
        tracks=["blind"],
        on_progress=lambda _: times.append(time.perf_counter()),
    )
    return (len(times) - 1) / (times[-1] - times[0])


def seconds_to_load_and_rank(folder: Path) -> tuple[float, float]:
    """Return the seconds that reading, and ranking, ten thousand stored cells take."""
    pattern = load_records(folder / "out")[0]
    with Store(folder / "many") as store:
        for i in range(N_STORED):
            place = {"problem": f"p{i // 1000}/v1", "seed": i // 100 % 10, "method": f"m{i % 100}"}
            metrics = dict.fromkeys(pattern.metrics, i % 97 / 97)
            content = dict(pattern) | place | {"key": content_key(i), "metrics": metrics}
            store.write(Record.model_validate(content))
    began = time.perf_counter()
    load_records(folder / "many")
    loaded = time.perf_counter()
    leaderboard(folder / "many")
    return loaded - began, time.perf_counter() - loaded


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        print(f"{cells_per_second(folder):.1f} trivial cells/s")
        load, rank = seconds_to_load_and_rank(folder)
        print(f"{N_STORED} records: {load:.2f} s to load, {rank:.2f} s to load and rank")


if __name__ == "__main__":
    main()
