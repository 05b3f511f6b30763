"""A world: everything about a problem but the samples; it draws as many of those as wanted."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import csr_array, hstack

from toy.build import build_features, build_importance, build_model
from toy.cache import code_version, fetch, store
from toy.features.distribution import Features
from toy.features.sae_lens import SyntheticFeatures, synthetic_model
from toy.geometry.dimensionality import REPRESENTED
from toy.models.planted import plant
from toy.randomness import stream
from toy.spec import ProblemSpec, SaeLensSpec, TrainedSpec, TrainingSpec, fingerprint

#: Rays longer than this count as represented by a trained model.
#: Codes are dense up to this many features, CSR beyond.
DENSE_FEATURES = 128
#: Activations are made this many samples at a time, which bounds the memory beside the result.
CHUNK = 16_384


@dataclass(frozen=True, eq=False)
class World:
    """Feature distribution, weights, bias and noise: ``observed = g(x @ weights + bias) + noise``.

    Attributes
    ----------
    features : Features
    weights : ndarray of shape (n, d), float32
    bias : ndarray of shape (d,), float32
    noise : float
        Standard deviation of Gaussian noise on every coordinate.
    rectified : bool
        Whether ``g`` is a ReLU.
    trained : bool
    learning_curve : ndarray of shape (n_points, 2), optional
        Steps, and the training loss averaged up to each, of the model that was kept; none of
        models that were not trained on samples.
    """

    features: Features
    weights: np.ndarray
    bias: np.ndarray
    noise: float
    rectified: bool
    trained: bool
    learning_curve: np.ndarray | None = None

    @property
    def _two_sided(self) -> bool:
        """Whether a feature has two rays, one for its positive and one for its negative values."""
        return self.rectified and not self.features.positive

    @property
    def rays(self) -> np.ndarray:
        """What each feature causes by itself, per unit of its value, (k, d)."""
        if not self.rectified:
            return self.weights
        above = np.maximum(self.weights, 0)
        if not self._two_sided:
            return above
        return np.concatenate([above, np.maximum(-self.weights, 0)])

    @property
    def norms(self) -> np.ndarray:
        """Lengths (k,) of rays."""
        norms: np.ndarray = np.linalg.norm(self.rays, axis=1)
        return norms

    @property
    def directions(self) -> np.ndarray:
        """Rays (k, d) of unit length; zero rays stay zero."""
        norms = self.norms.astype(np.float32)
        directions: np.ndarray = self.rays / np.where(norms == 0, 1, norms)[:, None]
        return directions

    @property
    def represented(self) -> np.ndarray:
        """Which rays (k,) are long enough to be worth the name, and ever seen."""
        long_enough = self.norms > (REPRESENTED if self.trained else 0)
        represented: np.ndarray = long_enough & (self.density > 0)
        return represented

    @property
    def density(self) -> np.ndarray:
        """Declared probability (k,) that each code is not zero."""
        density, positive = self.features.density, self.features.positive_share
        if not self._two_sided:
            return density
        return np.concatenate([density * positive, density * (1 - positive)])

    @property
    def positive(self) -> bool:
        """Whether codes are never negative."""
        return self.features.positive or self._two_sided

    def sample(self, n: int, rng: np.random.Generator) -> tuple[np.ndarray, Any]:
        """Draw activations (n, d), float32, and codes (n, k), dense or CSR."""
        X = np.empty((n, self.weights.shape[1]), dtype=np.float32)
        codes = []
        for start in range(0, n, CHUNK):
            values = self.features.sample(min(CHUNK, n - start), rng)
            rows = X[start : start + CHUNK]
            rows[:] = values @ self.weights
            if self.bias.any():
                rows += self.bias
            if self.rectified:
                np.maximum(rows, 0, out=rows)
            if self.noise:
                rows += np.float32(self.noise) * rng.standard_normal(rows.shape, np.float32)
            Z = hstack([_above(values), _above(-values)]) if self._two_sided else values
            codes.append(Z if len(self.rays) > DENSE_FEATURES else Z.toarray())
        return X, _stack(codes)


def _above(values: csr_array) -> csr_array:
    """Return ``max(values, 0)``, without stored zeros."""
    above = values.copy()
    above.data = np.maximum(above.data, 0)
    above.eliminate_zeros()
    return above


def _stack(codes: list[Any]) -> Any:
    """Stack codes in time and memory that do not depend on the number of features."""
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
    if isinstance(spec.source, SaeLensSpec):
        return _synthetic(spec, spec.source, seed)
    features = build_features(spec.features, seed)
    curve = None
    if isinstance(spec.source, TrainedSpec):
        kept = _trained(spec, spec.source, features, seed, device=device, cache=cache)
        weights = kept["weights"]
        if "curve" in kept:
            curve = np.column_stack([kept["steps"], kept["curve"]])
        bias = np.zeros(spec.source.d)
        rectified = build_model(spec.source, spec.features.n).rectified
    else:
        weights, bias = plant(spec.source, spec.features.n, seed)
        weights = _orthonormal_blocks(weights, spec.features.dimension)
        rectified = False
    return World(
        features,
        np.ascontiguousarray(weights, dtype=np.float32),
        bias.astype(np.float32),
        spec.noise,
        rectified,
        isinstance(spec.source, TrainedSpec),
        curve,
    )


def _orthonormal_blocks(weights: np.ndarray, size: int) -> np.ndarray:
    """Return weights whose runs of ``size`` rows are orthonormal, so that circles are circles."""
    if size == 1:
        return weights
    if size > weights.shape[1]:
        raise ValueError(f"features of {size} dimensions do not fit into {weights.shape[1]}")
    blocks = weights.reshape(-1, size, weights.shape[1])
    return np.linalg.qr(blocks.transpose(0, 2, 1))[0].transpose(0, 2, 1).reshape(weights.shape)


def _synthetic(spec: ProblemSpec, source: SaeLensSpec, seed: int) -> World:
    """Return the world of a model of ``sae_lens.synthetic``."""
    model = synthetic_model(source.config, int(stream(seed, "sae-lens").integers(2**31)))
    weights, bias = (
        part.detach().float().numpy()
        for part in (model.feature_dict.feature_vectors, model.feature_dict.bias)
    )
    return World(SyntheticFeatures(model), weights, bias, spec.noise, False, False)


def _trained(
    spec: ProblemSpec,
    source: TrainedSpec,
    features: Features,
    seed: int,
    *,
    device: str,
    cache: bool,
) -> dict[str, np.ndarray]:
    """Return the input weights (n, d), learning curve and parameters of the best restart."""
    from toy.training.train import pick_device

    described = spec.model_dump(mode="json", include={"features", "source"})
    described |= {"seed": seed, "device": pick_device(device).type}
    key = fingerprint({**described, "code": code_version()})[:24]
    if cache and (tensors := fetch(key)) is not None:
        return tensors
    if isinstance(source.training, TrainingSpec):
        tensors = _on_samples(source, source.training, features, seed, device)
    else:
        tensors = _exactly(spec, source, features, seed)
    if cache:
        store(key, tensors, described)
    return tensors


def _on_samples(
    source: TrainedSpec, training: TrainingSpec, features: Features, seed: int, device: str
) -> dict[str, np.ndarray]:
    """Train on fresh samples, every restart at once."""
    from toy.models.networks import input_weights
    from toy.training.instance import Instance
    from toy.training.train import train_many

    importance = build_importance(source.importance, features.n_features)
    instances = [
        Instance(features, importance, seed, restart) for restart in range(training.restarts)
    ]
    model = build_model(source, features.n_features)
    trained = train_many(model, instances, training, device=device)
    best = int(trained.loss.argmin())
    tensors = {
        "weights": input_weights(model, trained.params)[best].cpu().numpy(),
        "loss": trained.loss.cpu().numpy(),
        "curve": trained.curve[:, best].numpy(),
        "steps": np.array(trained.steps),
    }
    for name in model.shapes:
        tensors[f"params.{name}"] = trained.params[name][best].cpu().numpy()
    return tensors


def _exactly(
    spec: ProblemSpec, source: TrainedSpec, features: Features, seed: int
) -> dict[str, np.ndarray]:
    """Train on the expected loss itself."""
    from toy.training.exact import train_exactly

    importance = build_importance(source.importance, spec.features.n)
    fit = train_exactly(source, spec.features.gate, features.density, importance, seed)
    W, b = fit.W[0].numpy(), fit.b[0].numpy()
    return {"weights": W, "loss": fit.losses[0].numpy(), "params.W": W, "params.b": b}
