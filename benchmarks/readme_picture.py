"""Draw the picture of the README: a pentagon of features, found from activations and unfolded.

python benchmarks/readme_picture.py docs/img/unfold.svg
"""

import sys

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np

import toy
import unfold

COLOURS = ("#d1495b", "#edae49", "#66a182", "#2e86ab", "#7d5ba6")


def main(path: str) -> None:
    problem = toy.make_problem("relu-5in2-p0.05/v1", seed=0)
    truth = problem.truth.directions * problem.truth.norms[:, None]
    method = unfold.recover(problem.observed.train, random_state=0)
    X = problem.observed.test
    X = X[np.linalg.norm(X, axis=1) > 0.05][:400]
    to_truth = np.argmax(method.components_ @ problem.truth.directions.T, axis=1)
    codes = unfold.sparse_encode(X, method.components_, alpha=1e-3).codes

    mpl.rcParams.update({"font.family": "sans-serif", "font.size": 11, "svg.hashsalt": "unfold"})
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(11, 3.9), layout="constrained")
    for axes in (left, middle):
        axes.set(xlim=(-1.45, 1.45), ylim=(-1.45, 1.45), aspect="equal", xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
    for vector, colour in zip(truth, COLOURS, strict=True):
        left.annotate("", vector, (0, 0), arrowprops={"color": colour, "width": 3, "headwidth": 11})
    left.set_title("the truth: 5 features in 2 dimensions")

    middle.scatter(*X.T, s=9, color="#8c959f", alpha=0.55, linewidths=0)
    for direction, j in zip(method.components_, to_truth, strict=True):
        middle.plot(*np.outer([0, 1.4], direction).T, color=COLOURS[j], lw=2, ls=(0, (4, 3)))
    middle.set_title("found from activations alone")

    shown = np.argsort(-codes.max(axis=1))[::9][:24]
    order = np.argsort(to_truth)
    for row, atom in enumerate(order):
        axis_y = len(order) - 1 - row
        right.axhline(axis_y, color="#d0d7de", lw=1, zorder=0)
        height = 0.8 * codes[shown, atom] / codes.max()
        right.bar(np.arange(len(shown)), height, bottom=axis_y, color=COLOURS[to_truth[atom]])
    right.set(xlim=(-1, len(shown)), xticks=[], yticks=[])
    right.spines[:].set_visible(False)
    right.set_title("unfolded: one axis a feature")
    right.set_xlabel("samples")
    figure.savefig(path, metadata={"Date": None})


if __name__ == "__main__":
    main(sys.argv[1])
