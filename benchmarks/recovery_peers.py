"""Measure the default recovery beside other libraries, all on the same samples in one run.

    pip install sae-lens overcomplete
    OMP_NUM_THREADS=1 python benchmarks/recovery_peers.py [--times 1.0] [ID ...]

Ids are those of the zoo, with ``@N`` behind them for another number of samples. Every peer is told
the number of features and, where it takes one, the number of active ones; of each the best of a
small grid counts, by f1@.9. One run of a peer gets as much processor time as ``recover`` took (and
at least ten seconds), times ``--times``; the grid is not charged. ``recover`` is told nothing in
its first row, and the number of features in its second.
"""

import argparse
import contextlib
import io
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch

import toy
import unfold
from evaluation.scoring.score import score

BATCH = 1024
IDS = [
    "relu-20in5-p0.1",
    "relu-80in20-p0.1",
    "planted-80in20-p0.1",
    "planted-80in20-p0.3@300000",
    "planted-640in32-p0.003",
    "ksvd-50in20",
    "correlated-20in10-p0.05",
    "planted-512in128-p0.003-noise0.01@50000",
    "tree-256in64",
    "tree-512in96",
]
Peer = Callable[[np.ndarray, int, float, float], np.ndarray]


def sae_lens(architecture: str, share: float = 1.0, **options: Any) -> Peer:
    """Return a peer that trains an architecture of sae_lens for the time it is given.

    Architectures that count are told ``share`` times the number of active features.
    """

    def fit(X: np.ndarray, k: int, active: float, seconds: float) -> np.ndarray:
        from unfold.methods.autoencoders.sae_lens import SAELensAutoencoder

        def method(n_steps: int) -> SAELensAutoencoder:
            counted = {} if "l1_coefficient" in options else {"n_active": max(1.0, share * active)}
            return SAELensAutoencoder(
                k,
                architecture=architecture,
                n_steps=n_steps,
                batch_size=BATCH,
                options=options,
                **counted,
            )

        method(20).fit(X)
        start = time.process_time()
        method(100).fit(X)
        rate = 100 / (time.process_time() - start)
        return np.asarray(method(max(200, int(rate * seconds))).fit(X).components_)

    return fit


def overcomplete(kind: str, price: float = 0.0) -> Peer:
    """Return a peer that trains an autoencoder of overcomplete for the time it is given."""

    def fit(X: np.ndarray, k: int, active: float, seconds: float) -> np.ndarray:
        from overcomplete import sae

        torch.manual_seed(0)
        d = X.shape[1]
        given = {"top_k": round(active)} if kind == "TopKSAE" else {}
        model = getattr(sae, kind)(d, k, device="cpu", **given)
        data = torch.as_tensor(X / np.sqrt((X**2).mean()), dtype=torch.float32)
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
        start = time.process_time()
        while time.process_time() - start < seconds:
            batch = data[torch.randint(len(data), (BATCH,))]
            _, codes, rebuilt = (*model(batch), None)[:3] if kind else (None, None, None)
            rebuilt = model.decode(codes)
            loss = ((batch - rebuilt) ** 2).sum(1).mean() + (
                0 if given else 0.1 * codes.abs().sum(1).mean()
            )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return np.asarray(model.get_dictionary().detach())

    return fit


def dictionary_learning(alpha: float) -> Peer:
    """Return scikit-learn's online learner, stopped by the time it is given."""

    def fit(X: np.ndarray, k: int, active: float, seconds: float) -> np.ndarray:
        from sklearn.decomposition import MiniBatchDictionaryLearning

        learner = MiniBatchDictionaryLearning(
            k, alpha=alpha, batch_size=256, fit_algorithm="cd", positive_code=True, random_state=0
        )
        scaled = X / np.linalg.norm(X, axis=1).mean()
        rng, start = np.random.default_rng(0), time.process_time()
        while time.process_time() - start < seconds:
            learner.partial_fit(scaled[rng.integers(len(X), size=256)])
        return np.asarray(learner.components_)

    return fit


def fast_ica(X: np.ndarray, k: int, active: float, seconds: float) -> np.ndarray:
    """Return scikit-learn's FastICA, both signs: at most as many sources as dimensions."""
    from sklearn.decomposition import FastICA

    mixing = FastICA(min(k, X.shape[1]), random_state=0, max_iter=500).fit(X).mixing_.T
    return np.concatenate([mixing, -mixing])


def nmf(X: np.ndarray, k: int, active: float, seconds: float) -> np.ndarray:
    """Return scikit-learn's NMF of the parts above and below zero."""
    from sklearn.decomposition import MiniBatchNMF

    both = np.concatenate([np.maximum(X, 0), np.maximum(-X, 0)], axis=1)
    learner = MiniBatchNMF(k, random_state=0, max_iter=200, batch_size=4096).fit(both)
    half = X.shape[1]
    return np.asarray(learner.components_[:, :half] - learner.components_[:, half:])


PEERS: dict[str, list[Peer]] = {
    "SAELens TopK": [sae_lens("topk", share) for share in (1.0, 1.5)],
    "SAELens BatchTopK": [sae_lens("batchtopk", share) for share in (1.0, 1.5)],
    "SAELens Matryoshka": [sae_lens("matryoshka_batchtopk", share) for share in (1.0, 1.5)],
    "SAELens L1": [sae_lens("standard", l1_coefficient=c) for c in (0.3, 1.0, 3.0)],
    "SAELens JumpReLU": [sae_lens("jumprelu", l0_coefficient=c) for c in (0.3, 3.0)],
    "overcomplete TopK": [overcomplete("TopKSAE")],
    "overcomplete L1": [overcomplete("SAE", price) for price in (0.03, 0.1, 0.3)],
    "scikit-learn dictionary": [dictionary_learning(a) for a in (0.05, 0.2)],
    "scikit-learn FastICA": [fast_ica],
    "scikit-learn NMF": [nmf],
}


def row(name: str, method: str, D: np.ndarray, seconds: float, problem: Any) -> tuple[float, str]:
    """Return f1@.9 and a line of the table."""
    D = D[np.isfinite(D).all(axis=1) & (np.linalg.norm(D, axis=1) > 0)]
    scores = score(D, None, problem)
    figures = [scores[m] for m in ("recall@0.9", "f1@0.9", "f1@0.99", "mcc")]
    cells = [name, method, f"{seconds:.1f}", str(len(D)), *(f"{value:.3f}" for value in figures)]
    return float(scores["f1@0.9"]), "| " + " | ".join(cells) + " |"


def measured(name: str, times: float, only: list[str]) -> Iterator[str]:
    """Yield the rows of one problem."""
    zoo_id, _, n = name.partition("@")
    spec = {"id": f"{zoo_id}/v1", **({"n_train": int(n), "n_test": 2000} if n else {})}
    problem = toy.make_problem(spec, seed=0)
    truth, X = problem.truth, problem.observed.train
    k, active = int(truth.represented.sum()), max(1.0, float(truth.density.sum()))
    seconds = 10.0
    for label, given in (("unfold.recover", None), ("unfold.recover, told k", k)):
        start = time.process_time()
        found = unfold.recover(X, given).components_
        taken = time.process_time() - start
        seconds = max(seconds, times * taken)
        yield row(zoo_id, f"**{label}**", found, taken, problem)[1]
    for label, grid in PEERS.items():
        if only and not any(part in label for part in only):
            continue
        best: tuple[float, str] = (-1.0, f"| {zoo_id} | {label} | - | - | failed | | | |")
        for peer in grid:
            start = time.process_time()
            with (
                contextlib.suppress(ValueError, RuntimeError),
                contextlib.redirect_stdout(io.StringIO()),
            ):
                D = peer(X, k, active, seconds)
                best = max(best, row(zoo_id, label, D, time.process_time() - start, problem))
        yield best[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("ids", nargs="*", default=IDS)
    parser.add_argument("--times", type=float, default=1.0, help="Peers' time over ours.")
    parser.add_argument("--only", nargs="*", default=[], help="Parts of the peers' names.")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    print("| problem | method | s | found | recall@.9 | f1@.9 | f1@.99 | MCC |")
    print("|---|---|--:|--:|--:|--:|--:|--:|")
    for name in args.ids:
        for line in measured(name, args.times, args.only):
            print(line, flush=True)


if __name__ == "__main__":
    main()
