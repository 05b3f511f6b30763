"""From specs to distributions and models."""

import numpy as np

from toy.features.copula import CopulaGate, random_factors
from toy.features.distribution import Features, FiniteFeatures, GatedFeatures
from toy.features.gates import ExactlyGate, Gate, IndependentGate, PatternsGate, SetsGate
from toy.features.hierarchy import ForestGate, feasible_densities, regular_forest
from toy.features.magnitudes import (
    LogNormalMagnitude,
    Magnitude,
    NormalMagnitude,
    UniformMagnitude,
)
from toy.features.manifolds import ManifoldMagnitude, ring, simplex
from toy.features.spec import (
    CopulaSpec,
    DeclaredSpec,
    ExactlySpec,
    FeaturesSpec,
    ForestSpec,
    GateSpec,
    IndependentSpec,
    LogNormalSpec,
    MagnitudeSpec,
    ManifoldSpec,
    PatternsSpec,
    PerFeature,
    SetsSpec,
    TreeSpec,
    UniformSpec,
    ZipfSpec,
)
from toy.models.networks import (
    AbsoluteValueModel,
    CompressedModel,
    IdentityModel,
    Model,
    ResidualModel,
    TiedModel,
)
from toy.randomness import stream
from toy.spec import AbsoluteValueSpec, CompressedSpec, ResidualSpec, TiedSpec, TrainedSpec


def build_features(spec: FeaturesSpec, seed: int) -> Features:
    """Return the distribution that a spec describes; ``seed`` draws what the spec leaves open."""
    gate = _gate(spec.gate, spec.n, seed)
    features = GatedFeatures(gate, _magnitude(spec.magnitude, spec.n, seed), spec.inherit)
    if spec.repeat is None:
        return features
    data = features.sample(spec.repeat, stream(seed, "data set"))
    if spec.unit_norm:
        length = np.sqrt(np.maximum(np.asarray(data.multiply(data).sum(axis=1)), 1e-30))
        data.data /= np.repeat(length, np.diff(data.indptr)).astype(np.float32)
    return FiniteFeatures(data)


def build_density(p: PerFeature | ZipfSpec, n: int) -> np.ndarray:
    """Return densities (n,) from one number, one each, or a law."""
    if isinstance(p, ZipfSpec):
        law = np.arange(1, n + 1) ** -p.exponent
        return p.low + (p.high - p.low) * (law - law[-1]) / max(law[0] - law[-1], 1e-300)
    return np.broadcast_to(np.asarray(p, dtype=float), n).copy()


def _gate(spec: GateSpec, n: int, seed: int) -> Gate:
    match spec:
        case IndependentSpec():
            return IndependentGate(build_density(spec.p, n))
        case ExactlySpec():
            return ExactlyGate(n, spec.count)
        case SetsSpec():
            sets = build_density(spec.p, n // spec.size)
            return SetsGate(sets, spec.size, exclusive=spec.kind == "anticorrelated")
        case DeclaredSpec():
            raise ValueError("features of this kind are built by their source")
        case PatternsSpec():
            return PatternsGate(n, spec.patterns, np.asarray(spec.p))
        case CopulaSpec():
            return _copula(build_density(spec.p, n), spec.rank, spec.scale, seed)
        case TreeSpec():
            parents = regular_forest(n, spec.roots, spec.branching, spec.depth)
            p = feasible_densities(build_density(spec.p, n), parents, spec.exclusive, spec.alone)
            free = p[parents < 0]
            base = (
                _copula(free, spec.rank, spec.scale, seed) if spec.rank else IndependentGate(free)
            )
            return ForestGate(parents, p, spec.exclusive, base)
        case ForestSpec():
            parents, p = np.asarray(spec.parents), np.asarray(spec.p)
            return ForestGate(parents, p, spec.exclusive, IndependentGate(p[parents < 0]))


def _copula(p: np.ndarray, rank: int, scale: float, seed: int) -> CopulaGate:
    return CopulaGate(p, random_factors(len(p), rank, scale, stream(seed, "factors")))


def _magnitude(spec: MagnitudeSpec, n: int, seed: int) -> Magnitude:
    if isinstance(spec, UniformSpec):
        return UniformMagnitude(spec.low, spec.high)
    if isinstance(spec, LogNormalSpec):
        return LogNormalMagnitude(spec.sigma)
    if isinstance(spec, ManifoldSpec):
        return ManifoldMagnitude(spec.dimension, _points(spec), spec.spread)
    last = spec.mean if spec.last_mean is None else spec.last_mean
    spread = spec.std + spec.std_spread * stream(seed, "spreads").standard_normal(n)
    return NormalMagnitude(np.linspace(spec.mean, last, n), np.abs(spread), spec.folded)


def _points(spec: ManifoldSpec) -> np.ndarray | None:
    if spec.points is not None:
        return ring(spec.points)
    return simplex(spec.dimension) if spec.shape == "simplex" else None


def build_model(spec: TrainedSpec, n: int) -> Model:
    """Return the model that a spec describes."""
    match spec.model:
        case CompressedSpec() as model:
            return CompressedModel(n, spec.d, model.mixing, model.sigma, model.n_embedding)
        case ResidualSpec() as model:
            return ResidualModel(n, spec.d, model.n_embedding)
        case AbsoluteValueSpec():
            return AbsoluteValueModel(n, spec.d)
        case TiedSpec(kind="relu-output-identity"):
            return IdentityModel(n, spec.d)
        case TiedSpec(kind=kind):
            return TiedModel(n, spec.d, relu=kind != "linear", hidden_relu=kind == "hidden-relu")


def build_importance(importance: PerFeature, n: int) -> np.ndarray:
    """Return the weights (n,) of features in the loss: powers of a number, or as given."""
    if isinstance(importance, tuple):
        return np.asarray(importance, dtype=float)
    return float(importance) ** np.arange(n)
