"""The installed wheel does a small job from end to end."""

import tempfile
from pathlib import Path

import numpy as np

import evaluation
import toy
import unfold


def main() -> None:
    problem = toy.make_problem("planted-40in20-p0.05/v1", seed=0, cache=False)
    method = unfold.get_method("pca")(random_state=0).fit(problem.observed.train)
    scores = evaluation.score(method.components_, method.transform(problem.observed.test), problem)
    assert 0 <= scores["mmcs"] <= 1 and np.isfinite(scores["explained_variance"])
    with tempfile.TemporaryDirectory() as out:
        evaluation.run("smoke", methods=["pca", "random"], seeds=[0], out=Path(out))
        board = evaluation.leaderboard(Path(out))
        assert {"pca", "random"} <= set(board["method"])
    print("smoke test passed")


if __name__ == "__main__":
    main()
