"""A small problem of the kind that real networks pose, of which the features are known."""

import numpy as np
import pytest

from evaluation.real.activations import TaskTexts, TextRows
from evaluation.real.problem import RealProblem
from toy.problem import Observed

K, D, TOKENS = 24, 16, 24


def planted(n_texts: int, length: int, A: np.ndarray, rng: np.random.Generator) -> TextRows:
    """Rows that hold two features each; the token is the first, the text is about the second."""
    token = rng.integers(TOKENS, size=(n_texts, length))
    topic = rng.integers(4, size=n_texts)
    codes = np.zeros((n_texts * length, K), np.float32)
    rows = np.arange(len(codes))
    codes[rows, token.ravel()] = rng.uniform(1, 2, len(rows))
    codes[rows, np.repeat(topic, length)] += 0.6
    X = (codes @ A + 0.01 * rng.standard_normal((len(codes), D)) + 1).astype(np.float32)
    return TextRows(X, token.ravel(), np.arange(0, len(rows) + 1, length))


def planted_tasks(rows: TextRows, A: np.ndarray) -> list[TaskTexts]:
    """Tell texts about one topic from the others."""
    n_texts = len(rows.starts) - 1
    mean = rows.X.reshape(n_texts, -1, D).mean(axis=1) - 1
    codes = mean @ np.linalg.pinv(A)
    tasks = []
    for topic in range(4):
        y = codes[:, topic] > np.median(codes[:, topic])
        places, cut = np.arange(n_texts), n_texts // 2
        tasks.append(TaskTexts(f"topic{topic}", places[:cut], places[cut:], y[:cut], y[cut:]))
    return tasks


@pytest.fixture(scope="session")
def atoms() -> np.ndarray:
    A = np.random.default_rng(7).standard_normal((K, D))
    return (A / np.linalg.norm(A, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture(scope="session")
def problem(atoms: np.ndarray) -> RealProblem:
    rng = np.random.default_rng(3)
    train, measured, probing = (planted(n, 5, atoms, rng) for n in (200, 60, 160))
    spec = {"kind": "real", "network": "planted", "layer": 0, "n_components": K, "n_active": 2}
    observed = Observed(train.X, np.concatenate([measured.X, probing.X]))
    tasks = planted_tasks(probing, atoms)
    return RealProblem("planted", 0, spec, "0", observed, measured, probing, tasks)
