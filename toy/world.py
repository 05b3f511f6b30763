"""A world: everything about a problem but the samples; it draws as many of those as wanted."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from toy.build import build_features, build_importance, build_model
from toy.features import Features
from toy.planted import random_directions
from toy.randomness import stream
from toy.spec import PlantedSpec, ProblemSpec, TrainedSpec, fingerprint
from toy.storage import fetch, store

#: Feature vectors (norm) at or above this length count as represented by a trained model.
REPRESENTED = 0.5
#: Codes are dense up to this many features, CSR beyond.
DENSE_FEATURES = 1024
#: Samples made at a time, which bounds the memory beside the result.
CHUNK = 16_384


@dataclass(frozen=True, eq=False)
class World:
    """Feature distribution, feature vectors, bias and noise.

    Attributes
    ----------
    features : Features
    vectors : ndarray of shape (k, d), float32
        What each feature adds to an activation, per unit of its value.
    bias : ndarray of shape (d,), float32
    noise : float
        Standard deviation of Gaussian noise on every coordinate.
    trained : bool
    """

    features: Features
    vectors: np.ndarray
    bias: np.ndarray
    noise: float
    trained: bool

    @property
    def norms(self) -> np.ndarray:
        """Length (k,) of each feature's vector."""
        norms: np.ndarray = np.linalg.norm(self.vectors, axis=1)
        return norms

    @property
    def directions(self) -> np.ndarray:
        """Unit rows (k, d); zero rows stay zero."""
        norms = self.norms.astype(np.float32)
        directions: np.ndarray = self.vectors / np.where(norms == 0, 1, norms)[:, None]
        return directions

    @property
    def represented(self) -> np.ndarray:
        """Which features (k,) have a vector worth the name."""
        represented: np.ndarray = self.norms > (REPRESENTED if self.trained else 0)
        return represented

    def sample(self, n: int, rng: np.random.Generator) -> tuple[np.ndarray, Any]:
        """Draw activations (n, d), float32, and codes (n, k), dense or CSR."""
        X = np.empty((n, self.vectors.shape[1]), dtype=np.float32)
        codes = []
        for start in range(0, n, CHUNK):
            Z = self.features.sample(min(CHUNK, n - start), rng)
            rows = X[start : start + CHUNK]
            rows[:] = Z @ self.vectors
            rows += self.bias
            if self.noise:
                rows += np.float32(self.noise) * rng.standard_normal(rows.shape, np.float32)
            codes.append(Z if self.features.n_features > DENSE_FEATURES else Z.toarray())
        return X, _stack(codes)


def _stack(codes: list[Any]) -> Any:
    if isinstance(codes[0], np.ndarray):
        return np.concatenate(codes)
    indptr = [np.zeros(1, dtype=np.int64)]
    for Z in codes:
        indptr.append(Z.indptr[1:] + indptr[-1][-1])
    data, indices = (np.concatenate([getattr(Z, at) for Z in codes]) for at in ("data", "indices"))
    shape = (sum(Z.shape[0] for Z in codes), codes[0].shape[1])
    return csr_array((data, indices, np.concatenate(indptr)), shape=shape)


def make_world(spec: ProblemSpec, seed: int, *, device: str = "auto", cache: bool = True) -> World:
    """Return the world of a spec and a seed, from the cache where it had to be trained."""
    source = spec.source
    features = build_features(spec.features, seed)
    if isinstance(source, TrainedSpec):
        vectors = _trained_vectors(spec, source, seed, device=device, cache=cache)
        bias = np.zeros(source.d)
    else:
        vectors = random_directions(spec.features.n, source.d, stream(seed, "directions"))
        bias = _bias(source, seed)
    return World(
        features,
        np.ascontiguousarray(vectors, dtype=np.float32),
        bias.astype(np.float32),
        spec.noise,
        isinstance(source, TrainedSpec),
    )


def _bias(source: PlantedSpec, seed: int) -> np.ndarray:
    """Return a bias of the length asked for in a random direction."""
    bias: np.ndarray = source.bias * random_directions(1, source.d, stream(seed, "bias"))[0]
    return bias


def _trained_vectors(
    spec: ProblemSpec, source: TrainedSpec, seed: int, *, device: str, cache: bool
) -> np.ndarray:
    """Return the feature vectors (k, d) of the best of the restarts."""
    from toy.train import Instance, pick_device, train_many

    where = pick_device(device)
    described = spec.model_dump(mode="json", include={"features", "source"})
    described |= {"seed": seed, "device": where.type}
    key = fingerprint(described)[:24]
    if cache and (tensors := fetch(key)) is not None:
        return tensors["W"]
    importance = build_importance(source.importance, spec.features.n)
    features = build_features(spec.features, seed)
    instances = [
        Instance(features, importance, seed, restart) for restart in range(source.training.restarts)
    ]
    model = build_model(source, spec.features.n)
    trained = train_many(model, instances, source.training, device=device)
    best = int(trained.loss.argmin())
    tensors = {name: values[best].cpu().numpy() for name, values in trained.params.items()}
    tensors |= {"loss": trained.loss.cpu().numpy(), "curve": trained.curve.cpu().numpy()}
    if cache:
        store(key, tensors, described)
    return tensors["W"]
