"""Scores without a truth: right where the truth is known, and not fooled by fakes."""

import numpy as np
import pytest
from scipy import sparse

from evaluation.boards.real import HEADLINES as BOARD_HEADLINES
from evaluation.real.codes import explained_variance, helpful, largest, offset, pursued
from evaluation.real.metrics import REAL_METRICS
from evaluation.real.problem import RealProblem
from evaluation.real.purity import TOP, chance_purity, likeness_of_features, purity_of_features
from evaluation.real.score import control_scores, score_real
from evaluation.real.stability import stability

HEADLINES = ("ev@4", "probe@5", "purity")


@pytest.fixture(scope="module")
def codes(problem: RealProblem, atoms: np.ndarray) -> sparse.csr_array:
    return pursued(problem.observed.test - 1, atoms, 2, positive=True)


@pytest.fixture(scope="module")
def honest(problem: RealProblem, atoms: np.ndarray, codes: sparse.csr_array) -> dict[str, float]:
    return score_real(atoms, codes, problem)


def test_the_true_dictionary_explains_all_and_is_read(honest: dict[str, float]) -> None:
    assert set(honest) == set(REAL_METRICS)
    assert honest["ev_pursuit@4"] > 0.99 and honest["ev@4"] > 0.9
    assert honest["probe@1"] > 0.8 and honest["purity"] > 0.5 and honest["dead"] == 0


@pytest.mark.parametrize("fake", ["random", "permuted decoder", "duplicated atoms"])
@pytest.mark.parametrize("name", HEADLINES)
def test_a_fake_ranks_below_what_it_was_made_of(
    fake: str, name: str, problem: RealProblem, atoms: np.ndarray, codes: sparse.csr_array,
    honest: dict[str, float],
) -> None:  # fmt: skip
    rng = np.random.default_rng(5)
    half = np.concatenate([atoms[::2], atoms[::2]])
    made = {
        "random": (rng.standard_normal(atoms.shape), None),
        "permuted decoder": (np.roll(atoms, 5, axis=0), codes),
        "duplicated atoms": (half, None),
    }
    assert score_real(*made[fake], problem)[name] < honest[name] - 0.02


def test_order_and_length_of_atoms_change_nothing(
    problem: RealProblem, atoms: np.ndarray, codes: sparse.csr_array, honest: dict[str, float]
) -> None:
    order = np.random.default_rng(0).permutation(len(atoms))
    lengths = np.linspace(0.5, 3, len(atoms)).astype(np.float32)
    changed = sparse.csr_array(codes.toarray()[:, order] / lengths[order])
    found = score_real((atoms * lengths[:, None])[order], changed, problem)
    for name, value in honest.items():
        assert found[name] == pytest.approx(value, abs=2e-3), name


def test_atoms_that_never_fire_are_dead_and_impure(
    problem: RealProblem, atoms: np.ndarray, codes: sparse.csr_array, honest: dict[str, float]
) -> None:
    extra = np.random.default_rng(1).standard_normal(atoms.shape)
    silent = sparse.csr_array(sparse.hstack([codes, sparse.csr_array(codes.shape)]))
    found = score_real(np.concatenate([atoms, extra]), silent, problem)
    assert found["dead"] == 0.5
    assert found["purity"] == pytest.approx(honest["purity"] / 2)


def test_a_permuted_decoder_does_not_help(
    problem: RealProblem, atoms: np.ndarray, codes: sparse.csr_array, honest: dict[str, float]
) -> None:
    permuted = score_real(np.roll(atoms, 5, axis=0), codes, problem)
    assert honest["helpful"] > 0.99 and permuted["helpful"] < 0.7


def test_helpful_codes_are_those_without_which_the_error_grows(atoms: np.ndarray) -> None:
    rng = np.random.default_rng(2)
    X = rng.standard_normal((30, atoms.shape[1])).astype(np.float32)
    Z = (rng.standard_normal((30, len(atoms))) * (rng.random((30, len(atoms))) < 0.2)).astype("f4")
    constant = offset(X, atoms, sparse.csr_array(Z))
    kept = helpful(X, atoms, sparse.csr_array(Z), constant).toarray() != 0
    error = ((X - constant - Z @ atoms) ** 2).sum(axis=1)
    for i, j in zip(*np.nonzero(Z), strict=True):
        without = Z[i].copy()
        without[j] = 0
        assert kept[i, j] == (((X[i] - constant - without @ atoms) ** 2).sum() > error[i])


def test_the_largest_codes_are_kept_whole() -> None:
    rng = np.random.default_rng(4)
    Z = rng.standard_normal((20, 9)) * (rng.random((20, 9)) < 0.6)
    kept = largest(sparse.csr_array(Z), 3).toarray()
    for row, few in zip(Z, kept, strict=True):
        order = np.argsort(-np.abs(row))[:3]
        expected = np.zeros(9)
        expected[order] = row[order]
        np.testing.assert_array_equal(few, expected)


def test_explained_variance_allows_a_constant_and_nothing_else(atoms: np.ndarray) -> None:
    rng = np.random.default_rng(6)
    Z = sparse.csr_array(rng.random((50, len(atoms))))
    assert explained_variance(Z @ atoms + 5, atoms, Z) == pytest.approx(1)
    nothing = sparse.csr_array((50, len(atoms)))
    assert explained_variance(Z @ atoms + 5, atoms, nothing) == pytest.approx(0)


def test_purity_of_a_feature_of_one_token_is_1_and_of_a_copy_0() -> None:
    tokens = np.repeat(np.arange(10), 30)
    Z = np.zeros((300, 2))
    Z[:30] = np.linspace(1, 2, 30)[:, None]
    chance = chance_purity(tokens)
    D = np.array([[1.0, 0], [1, 0.01]])
    np.testing.assert_array_equal(
        purity_of_features(D, sparse.csr_array(Z), tokens, chance), [1, 0]
    )


def test_purity_of_features_that_fire_at_random_is_0_on_average() -> None:
    rng = np.random.default_rng(8)
    tokens = rng.integers(12, size=3000)
    Z = sparse.csr_array(rng.random((3000, 150)) * (rng.random((3000, 150)) < 0.1))
    found = purity_of_features(np.eye(150), Z, tokens, chance_purity(tokens))
    assert abs(found.mean()) < 3 * found.std() / np.sqrt(150) + 0.01


def test_a_feature_with_few_activations_has_no_purity() -> None:
    Z = np.zeros((100, 1))
    Z[: TOP - 1] = 1
    found = purity_of_features(np.ones((1, 1)), sparse.csr_array(Z), np.zeros(100, int), 0.5)
    assert found[0] == 0


def test_the_two_ends_enclose_the_true_dictionary(
    problem: RealProblem, honest: dict[str, float]
) -> None:
    ends = control_scores(problem, 0)
    low, high = ends["control:chance"][1], ends["control:oracle"][1]
    for name in HEADLINES:
        assert low[name] < honest[name], name
    assert honest["purity"] <= high["purity"] and honest["ev@4"] <= high["ev@4"]


@pytest.mark.parametrize(
    ("dictionary", "message"),
    [
        (np.zeros((3, 16)), "all zeros"),
        (np.full((3, 16), np.inf), "finite"),
        (np.ones((3, 4)), r"\(k, 16\)"),
        (np.ones(16), r"\(k, 16\)"),
    ],
)
def test_bad_dictionaries_are_refused(
    dictionary: np.ndarray, message: str, problem: RealProblem
) -> None:
    with pytest.raises(ValueError, match=message):
        score_real(dictionary, None, problem)


def test_bad_codes_are_refused(problem: RealProblem, atoms: np.ndarray) -> None:
    with pytest.raises(ValueError, match="finite codes of shape"):
        score_real(atoms, np.ones((3, len(atoms))), problem)


FAKES = ("random", "permuted decoder", "duplicated atoms")


@pytest.fixture(scope="module")
def rows(problem: RealProblem, atoms: np.ndarray) -> dict[str, dict[str, float]]:
    """Headline scores as boards have them: of two fits, those of the first, and stability."""

    def fitted(seed: int) -> np.ndarray:
        # What a fit with errors gives: cosines of about .96 with the truth.
        error = np.random.default_rng(10 + seed).standard_normal(atoms.shape)
        D = atoms + 0.07 * error.astype(np.float32)
        return np.asarray(D / np.linalg.norm(D, axis=1, keepdims=True))

    def drawn(seed: int) -> np.ndarray:
        return np.random.default_rng(seed).standard_normal(atoms.shape).astype(np.float32)

    pairs = {
        "truth": (atoms, atoms[::-1]),
        "fit": (fitted(0), fitted(1)),
        "random": (drawn(0), drawn(1)),
        "permuted decoder": (fitted(0), fitted(1)),
        "duplicated atoms": tuple(np.repeat(fitted(seed)[::2], 2, axis=0) for seed in (0, 1)),
    }
    found = {}
    for name, (first, second) in pairs.items():
        codes = pursued(problem.observed.test - 1, first, 2, positive=True)
        shown = np.roll(first, 5, axis=0) if name == "permuted decoder" else first
        scores = score_real(shown, codes, problem)
        scores["stability"] = stability([first, second]) * scores["helpful"]
        found[name] = scores
    return found


@pytest.mark.parametrize("fake", FAKES)
@pytest.mark.parametrize("name", BOARD_HEADLINES)
def test_fakes_rank_last_on_every_headline_score(
    fake: str, name: str, rows: dict[str, dict[str, float]]
) -> None:
    for honest in rows.keys() - set(FAKES):
        assert rows[fake][name] < rows[honest][name], honest


def test_likeness_is_the_mean_cosine_of_pairs() -> None:
    rng = np.random.default_rng(3)
    X, Z = rng.standard_normal((40, 5)), rng.random((40, 1)) + 0.1
    U = X - X.mean(axis=0)
    U = (U / np.linalg.norm(U, axis=1, keepdims=True))[np.argsort(-Z[:, 0])[:TOP]]
    expected = (U @ U.T)[np.triu_indices(TOP, 1)].mean()
    found = likeness_of_features(np.ones((1, 1)), sparse.csr_array(Z), X)
    assert found == pytest.approx(expected)


def test_every_score_says_range_chance_and_how_it_fails() -> None:
    for metric in REAL_METRICS.values():
        assert metric.range and metric.chance and metric.fails
