"""A network that sees: hidden units of a small one, trained here on scikit-learn's digits."""

from functools import cache

import numpy as np

from evaluation.real.activations import TaskTexts, TextRows
from evaluation.real.own import share_rows

#: Units of the hidden layer, which is as wide as an image has pixels.
HIDDEN = 64
#: An image, and the same a pixel up, down, left and right: five rows of one "text".
SHIFTS = ((0, 0), (-1, 0), (1, 0), (0, -1), (0, 1))


@cache
def load_digits_layer() -> tuple[dict[str, TextRows], list[TaskTexts], str]:
    """Return hidden activations of images of digits; tasks tell each digit from the others.

    The network is a perceptron of one hidden layer of rectified units. What stands for a token
    is the digit.

    Returns
    -------
    parts : dict of str to TextRows
        As of `evaluation.real.activations.load_layer`; an image and its shifts are a text.
    tasks : list of TaskTexts
    digest : str
    """
    from sklearn.datasets import load_digits
    from sklearn.neural_network import MLPClassifier

    from toy.cache import digest

    found = load_digits()
    images = np.stack([shifted(found.images, *by) for by in SHIFTS], axis=1).reshape(-1, 64) / 16
    labels = np.repeat(found.target, len(SHIFTS))
    network = MLPClassifier((HIDDEN,), random_state=0, early_stopping=True).fit(images, labels)
    X = np.maximum(images @ network.coefs_[0] + network.intercepts_[0], 0).astype(np.float32)
    texts = np.repeat(np.arange(len(found.target)), len(SHIFTS))
    parts, tasks = share_rows(X, {"labels": labels[:, None], "texts": texts, "tokens": labels})
    return parts, tasks, digest({"X": X, "labels": labels})


def shifted(images: np.ndarray, down: int, right: int) -> np.ndarray:
    """Return images (n, 8, 8) moved by whole pixels, nothing coming in at the edge."""
    moved = np.zeros_like(images)
    height, width = images.shape[1:]
    into = (slice(max(down, 0), height + min(down, 0)), slice(max(right, 0), width + min(right, 0)))
    of = (slice(max(-down, 0), height - max(down, 0)), slice(max(-right, 0), width - max(right, 0)))
    moved[:, into[0], into[1]] = images[:, of[0], of[1]]
    return moved
