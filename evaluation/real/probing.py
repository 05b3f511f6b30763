"""k-sparse probing: how few latents tell two kinds of texts apart."""

from typing import Any

import numpy as np
from scipy import sparse

from evaluation.real.activations import TaskTexts

#: Inverse weight of the L2 penalty, of features of unit variance: few texts, few latents.
C = 1.0
#: Of the dense probe, which has more dimensions than texts.
C_DENSE = 0.01


def pooled(codes: Any, starts: np.ndarray, how: str) -> np.ndarray:
    """Return one row a text: the mean of its rows, or its last.

    Parameters
    ----------
    codes : ndarray or csr_array of shape (n, k)
    starts : ndarray of shape (n_texts + 1,)
        Rows of text i are ``starts[i]`` to ``starts[i + 1]``, at least one.
    how : {"mean", "last"}

    Returns
    -------
    ndarray of shape (n_texts, k)
    """
    lengths = np.diff(starts)
    if how == "last":
        weights, rows = np.ones(len(lengths)), starts[1:] - 1
        text = np.arange(len(lengths))
    else:
        text, rows = np.repeat(np.arange(len(lengths)), lengths), np.arange(starts[-1])
        weights = (1 / lengths)[text]
    pool = sparse.csr_array(
        (weights.astype(np.float32), (text, rows)), shape=(len(lengths), codes.shape[0])
    )
    pool_of_codes: Any = pool @ codes
    return np.asarray(pool_of_codes.toarray() if sparse.issparse(codes) else pool_of_codes)


def auc(scores: np.ndarray, labels: np.ndarray) -> float:
    """Return the probability that a positive text scores above a negative one, ties one half."""
    from scipy.stats import rankdata

    n = int(labels.sum())
    m = len(labels) - n
    return float((rankdata(scores)[labels].sum() - n * (n + 1) / 2) / (n * m))


def probe(F: np.ndarray, task: TaskTexts, n_latents: int | None) -> float:
    """Return the AUC on test texts of a logistic regression on few latents.

    The latents are those whose class means on the training texts differ most.

    Parameters
    ----------
    F : ndarray of shape (n_texts, k)
    task : TaskTexts
    n_latents : int or None
        None: all, with a stronger penalty.

    Returns
    -------
    float
        0.5 where no latent differs between the classes.
    """
    from sklearn.linear_model import LogisticRegression

    train, test, y = F[task.train], F[task.test], task.train_labels
    difference = np.abs(train[y].mean(axis=0) - train[~y].mean(axis=0))
    if n_latents is not None:
        best = np.argsort(-difference, kind="stable")[:n_latents]
        train, test, difference = train[:, best], test[:, best], difference[best]
    tells = difference > 0
    if not tells.any():
        return 0.5
    centre, scale = train[:, tells].mean(axis=0), train[:, tells].std(axis=0)
    model = LogisticRegression(C=C_DENSE if n_latents is None else C, max_iter=1000)
    model.fit((train[:, tells] - centre) / scale, y)
    return auc(model.decision_function((test[:, tells] - centre) / scale), task.test_labels)


def probe_all(F: np.ndarray, tasks: list[TaskTexts], n_latents: int | None) -> np.ndarray:
    """Return the AUC of every task, (n_tasks,)."""
    return np.array([probe(F, task, n_latents) for task in tasks])
