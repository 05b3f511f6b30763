"""Measure methods on token activations of a real network: variance explained, time, stability.

    OMP_NUM_THREADS=1 python benchmarks/real_activations.py --layer 3 \
        recover online-dictionary[n_components=1536] sae-lens[architecture=batchtopk]

All-MiniLM-L6-v2 on the texts of the real board; tests are texts that no method saw. Autoencoders
get as many latents and active latents as ``--n-components`` and ``--n-active`` say; a method whose
brackets name none is told nothing. Variance explained is given for the method's own codes, and for
pursuit codes of ``--n-active`` atoms on its dictionary. Stability is between two fits on other
halves of the texts, beside directions that share the covariance alone; ``--fits 1`` leaves it out.
Needs the extra "real".
"""

import argparse
import time
import warnings
from typing import Any

import numpy as np

from evaluation.real.activations import load_layer
from evaluation.real.codes import as_rows, explained_variance, offset, pursued
from evaluation.real.problem import half_of_texts
from evaluation.real.stability import null_stability, stability
from evaluation.running.selectors import parse_methods
from unfold.registry import get_method

#: Methods that cannot tell a size or a sparsity themselves.
AUTOENCODERS = ("sae-lens", "topk-sae", "batch-topk-sae", "matryoshka-sae")


def fitted(text: str, X: np.ndarray, args: argparse.Namespace, seed: int) -> tuple[Any, float]:
    """Return a method, fitted, and its seconds."""
    (choice,) = parse_methods([text])
    told = {"n_components": args.n_components, "n_active": args.n_active}
    told = told if choice.path in AUTOENCODERS else {}
    method = get_method(choice.path)(random_state=seed, **told | dict(choice.params))
    start = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        method.fit(X)
    return method, time.perf_counter() - start


def explained(method: Any, X: np.ndarray, n_active: int) -> tuple[float, float, float]:
    """Return the variance explained by own codes, their number, and that of pursuit codes."""
    D = np.asarray(method.components_, np.float32)
    codes = as_rows(method.transform(X))
    signed = bool((codes.data < 0).any())
    own = explained_variance(X, D, codes)
    centred = X - np.asarray(getattr(method, "mean_", offset(X, D, codes)), np.float32)
    pursuit = pursued(centred, D, n_active, positive=not signed)
    return own, codes.nnz / len(X), explained_variance(X, D, pursuit)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("methods", nargs="+", help="As the command `unfold run -m` takes them.")
    parser.add_argument("--layer", type=int, default=3)
    parser.add_argument("--n-components", type=int, default=1536)
    parser.add_argument("--n-active", type=int, default=16)
    parser.add_argument("--fits", type=int, default=1, help="Two or more for stability.")
    args = parser.parse_args()
    parts, _, _ = load_layer(args.layer)
    X, test = parts["train"].X, parts["test"].X
    print(f"layer {args.layer}: {len(X)} tokens, {len(test)} of other texts")
    print(f"{'method':44s} {'s':>6} {'atoms':>6} {'own EV':>7} {'L0':>6} {'pursuit':>8} stability")
    for text in args.methods:
        method, seconds = fitted(text, X, args, 0)
        own, active, pursuit = explained(method, test, args.n_active)
        k = len(method.components_)
        row = f"{text:44s} {seconds:6.0f} {k:6d} {own:7.3f} {active:6.1f} {pursuit:8.3f}"
        if args.fits > 1:
            halves = [half_of_texts(parts["train"], seed) for seed in range(args.fits)]
            fits = [fitted(text, X[half], args, seed)[0] for seed, half in enumerate(halves)]
            value = stability([np.asarray(fit.components_) for fit in fits])
            row += f"  {value:.2f} (chance {null_stability(X, k, 2):.2f})"
        print(row, flush=True)


if __name__ == "__main__":
    main()
