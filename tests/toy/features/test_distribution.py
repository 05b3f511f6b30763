"""Feature distributions: declared rates are realised, and joint laws are what they say."""

import numpy as np
import pytest
from scipy.stats import binom, kstest, norm

from toy.build import build_density, build_features
from toy.features.copula import random_factors
from toy.features.distribution import FiniteFeatures
from toy.features.gates import IndependentGate, bernoulli_cells
from toy.features.hierarchy import ForestGate, feasible_densities, regular_forest
from toy.features.spec import FeaturesSpec
from toy.randomness import stream

N = 40_000
ZIPF = {"exponent": 0.5, "high": 0.4, "low": 0.01}
LAWS = {
    "sparse": (12, {"kind": "independent", "p": 0.02}),
    "middling": (6, {"kind": "independent", "p": 0.3}),
    "dense": (3, {"kind": "independent", "p": 1.0}),
    "one each": (4, {"kind": "independent", "p": [0.9, 0.04, 0.3, 0.001]}),
    "zipf": (40, {"kind": "independent", "p": ZIPF}),
    "exactly": (9, {"kind": "exactly", "count": 3}),
    "one-hot": (7, {"kind": "exactly", "count": 1}),
    "correlated": (12, {"kind": "correlated", "size": 3, "p": 0.1}),
    "anticorrelated": (12, {"kind": "anticorrelated", "size": 3, "p": [0.1, 0.3, 0.9, 1.0]}),
    "copula": (30, {"kind": "copula", "p": ZIPF, "rank": 5, "scale": 0.3}),
    "tree": (60, {"kind": "tree", "roots": 2, "branching": 3, "depth": 2, "p": ZIPF}),
    "tree, copula": (
        60,
        {"kind": "tree", "roots": 2, "branching": 3, "depth": 2, "p": ZIPF}
        | {"rank": 4, "scale": 0.3, "alone": 0.2},
    ),
    "tree, shared": (
        60,
        {"kind": "tree", "roots": 2, "branching": 3, "depth": 2, "p": ZIPF, "exclusive": False},
    ),
    "forest": (4, {"kind": "forest", "parents": [-1, 0, -1, 1], "p": [0.5, 0.4, 0.1, 0.3]}),
    "patterns": (3, {"kind": "patterns", "patterns": [[0, 1], [2], [1]], "p": [0.1, 0.2, 0.3]}),
}


def features(name: str, **rest):
    n, gate = LAWS[name]
    return build_features(FeaturesSpec(n=n, gate=gate, **rest), seed=0)


def gates(name: str) -> np.ndarray:
    return features(name).sample(N, stream(1, name)).toarray() != 0


@pytest.mark.parametrize("name", LAWS)
def test_declared_rates_are_realised(name):
    law = features(name)
    count = gates(name).sum(axis=0)
    p = np.clip(law.density, 0, 1)
    low, high = binom.interval(1 - 1e-6, N, p)
    assert np.all((low <= count) & (count <= high) | (p == 1) & (count == N))


@pytest.mark.parametrize("name", LAWS)
def test_samples_are_canonical_csr(name):
    codes = features(name).sample(500, stream(2))
    assert codes.shape == (500, LAWS[name][0])
    assert codes.dtype == np.float32
    assert codes.has_canonical_format
    assert (codes.data != 0).all()


@pytest.mark.parametrize("p", [1e-4, 0.03, 0.2499, 0.25, 0.8])
def test_jumps_and_coins_give_the_same_counts(p):
    cells = bernoulli_cells(400_000, p, stream(0, str(p)))
    low, high = binom.interval(1 - 1e-6, 400_000, p)
    assert low <= len(cells) <= high
    assert np.all(np.diff(cells) > 0) and cells[0] >= 0 and cells[-1] < 400_000


def test_gaps_between_active_cells_are_geometric():
    gaps = np.diff(bernoulli_cells(2_000_000, 0.05, stream(0)))
    jitter = stream(1).random(len(gaps))
    # A geometric gap spread over the step of its distribution function is uniform.
    assert kstest(1 - 0.95 ** (gaps - 1) * (1 - 0.05 * jitter), "uniform").pvalue > 1e-3


def test_independent_features_are_uncorrelated():
    correlation = np.corrcoef(gates("zipf").T)
    off = correlation[~np.eye(len(correlation), dtype=bool)]
    assert np.abs(off).max() < 5.5 / np.sqrt(N)


def test_exactly_k_draws_every_pair_equally():
    active = gates("exactly").astype(float)
    assert (active.sum(axis=1) == 3).all()
    pairs = (active.T @ active)[np.triu_indices(9, 1)]
    expected = N * 3 * 2 / (9 * 8)
    assert np.abs(pairs - expected).max() < 5 * np.sqrt(expected)


def test_sets_are_shared_or_exclusive():
    together = gates("correlated").reshape(N, 4, 3)
    assert (together.all(axis=2) == together.any(axis=2)).all()
    alone = gates("anticorrelated").reshape(N, 4, 3).sum(axis=2)
    assert alone.max() == 1
    assert (alone[:, 3] == 1).all()


@pytest.mark.parametrize("name", ["tree", "tree, copula", "tree, shared", "forest"])
def test_children_are_active_only_with_their_parents(name):
    gate = features(name).gate
    assert isinstance(gate, ForestGate)
    active = gates(name)
    children = np.flatnonzero(gate.parents >= 0)
    assert not (active[:, children] & ~active[:, gate.parents[children]]).any()
    if gate.exclusive:
        for parent in np.unique(gate.parents[children]):
            assert active[:, gate.parents == parent].sum(axis=1).max() <= 1


def test_parents_keep_their_share_of_solitude():
    gate = features("tree, copula").gate
    for parent in np.unique(gate.parents[gate.parents >= 0]):
        assert gate.p[gate.parents == parent].sum() <= 0.8 * gate.p[parent] + 1e-12


def test_feasible_targets_are_left_alone():
    parents = regular_forest(6, 1, 2, 1)
    np.testing.assert_array_equal(parents, [-1, 0, 0, -1, -1, -1])
    targets = np.array([0.5, 0.2, 0.1, 0.3, 0.3, 0.3])
    np.testing.assert_allclose(feasible_densities(targets, parents, True, 0.0), targets)
    clipped = feasible_densities(targets, parents, True, 0.6)
    np.testing.assert_allclose(clipped[1:3], targets[1:3] * 0.2 / 0.3)


def test_impossible_families_are_refused():
    parents, base = np.array([-1, 0, 0]), IndependentGate(np.array([0.3]))
    with pytest.raises(ValueError, match="together denser"):
        ForestGate(parents, np.array([0.3, 0.2, 0.2]), True, base)
    ForestGate(parents, np.array([0.3, 0.2, 0.2]), False, base)
    with pytest.raises(ValueError, match="the trees hold 7 features"):
        regular_forest(6, 1, 2, 2)


def test_copula_pairs_follow_the_bivariate_normal():
    law = features("copula")
    factors = law.gate.factors
    cosine = factors @ factors.T
    np.fill_diagonal(cosine, 0)
    i, j = np.unravel_index(np.abs(cosine).argmax(), cosine.shape)
    active = law.sample(400_000, stream(3)).toarray()[:, [i, j]] != 0
    rng = stream(4)
    z = rng.standard_normal((2_000_000, 2))
    other = cosine[i, j] * z[:, 0] + np.sqrt(1 - cosine[i, j] ** 2) * z[:, 1]
    a, b = norm.isf(law.density[[i, j]])
    expected = ((z[:, 0] > a) & (other > b)).mean()
    error = np.sqrt(expected * (1 / 400_000 + 1 / 2_000_000))
    assert abs(active.all(axis=1).mean() - expected) < 5 * error
    assert abs(expected - law.density[i] * law.density[j]) > 20 * error


def test_factors_leave_something_to_each_feature():
    factors = random_factors(50, 25, 1.0, stream(0))
    assert (factors**2).sum(axis=1).max() < 1


def test_zipf_runs_from_high_to_low():
    p = build_density(FeaturesSpec(n=40, gate=LAWS["zipf"][1]).gate.p, 40)
    assert p[0] == pytest.approx(0.4) and p[-1] == pytest.approx(0.01)
    rank = np.arange(1, 41)
    np.testing.assert_allclose(np.polyfit(rank**-0.5, p, 1, full=True)[1], 0, atol=1e-20)


def test_values_follow_their_laws():
    uniform = features("dense", magnitude={"kind": "uniform", "low": -1, "high": 3})
    values = uniform.sample(20_000, stream(5)).toarray()
    assert kstest(values.ravel(), "uniform", args=(-1, 4)).pvalue > 1e-3
    np.testing.assert_allclose(uniform.positive_share, 0.75)
    assert not uniform.positive
    normal = {"kind": "normal", "mean": -1.0, "last_mean": 1.0, "std": 2.0, "folded": False}
    values = features("dense", magnitude=normal).sample(20_000, stream(6)).toarray()
    for column, mean in zip(values.T, [-1, 0, 1], strict=True):
        assert kstest(column, "norm", args=(mean, 2)).pvalue > 1e-3


def test_mean_of_the_folded_normal():
    magnitude = {"kind": "normal", "mean": 0.3, "std": 1.0, "std_spread": 0.2}
    law = features("dense", magnitude=magnitude)
    values = law.sample(200_000, stream(7)).toarray()
    assert (values > 0).all()
    np.testing.assert_allclose(values.mean(axis=0), law.magnitude.mean(3), rtol=0.01)


def test_children_inherit_strength():
    magnitude = {"kind": "normal", "mean": 2.0, "std": 0.5}
    law = features("forest", magnitude=magnitude, inherit=True)
    plain = features("forest", magnitude=magnitude)
    codes, loose = (one.sample(N, stream(8)).toarray() for one in (law, plain))
    for child, parent in [(1, 0), (3, 1)]:
        both = codes[:, child] != 0
        strength = np.corrcoef(codes[both, child], codes[both, parent])[0, 1]
        assert strength > 0.5
        both = loose[:, child] != 0
        assert abs(np.corrcoef(loose[both, child], loose[both, parent])[0, 1]) < 0.05


def test_finite_data_repeat():
    law = features("zipf", repeat=5, unit_norm=True)
    assert isinstance(law, FiniteFeatures)
    codes = law.sample(1000, stream(9)).toarray()
    assert len(np.unique(codes, axis=0)) == 5
    norms = np.linalg.norm(codes, axis=1)
    np.testing.assert_allclose(norms[norms > 0], 1, rtol=1e-6)
    np.testing.assert_allclose(law.density, (law.data.toarray() != 0).mean(axis=0))


@pytest.mark.parametrize(
    ("n", "gate", "complaint"),
    [
        (5, {"kind": "correlated", "size": 2, "p": 0.1}, "sets of 2"),
        (5, {"kind": "exactly", "count": 6}, "cannot be active"),
        (2, {"kind": "patterns", "patterns": [[0, 2]], "p": [0.5]}, "not one of 2"),
        (2, {"kind": "patterns", "patterns": [[0], [1]], "p": [0.6, 0.6]}, "above 1"),
        (2, {"kind": "forest", "parents": [1, -1], "p": [0.1, 0.2]}, "earlier feature"),
        (2, {"kind": "nonsense"}, "nonsense"),
        (2, {"kind": "independent", "p": "nan"}, "finite"),
    ],
)
def test_impossible_gates_are_refused(n, gate, complaint):
    with pytest.raises(ValueError, match=complaint):
        FeaturesSpec(n=n, gate=gate)
