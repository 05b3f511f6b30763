"""Dense independent sources are certified, and coded without loss; nothing else passes for them."""

import numpy as np
import pytest

from unfold.arrays import unit_rows
from unfold.pipeline.candidates.independent_components import by_independent_components
from unfold.pipeline.judge import gaussian_nats, sources_nats
from unfold.pipeline.recover import recover
from unfold.pipeline.split import Split


def split_of(X):
    return Split.of(X, None, np.random.RandomState(0))


def mixed(law, k, d, n=6000, seed=0):
    rng = np.random.default_rng(seed)
    draw = {"laplace": rng.laplace, "uniform": lambda size: rng.uniform(-1, 1, size)}[law]
    D = np.asarray(unit_rows(rng.standard_normal((k, d))))
    return draw(size=(n, k)) @ D, D


@pytest.mark.parametrize("law", ["laplace", "uniform"])
@pytest.mark.parametrize("d", [6, 9])
def test_sources_are_found_and_codes_give_the_samples_back(law, d):
    """Six sources in six or, rank-deficient, nine dimensions, wherever the mean is."""
    X, D = mixed(law, 6, d)
    for offset in (0.0, 3.0):
        found = recover(X + offset)
        assert found.candidate_ == "independent components"
        cosines = np.abs(D @ found.components_.T)
        assert found.n_components_ == 6
        assert cosines.max(axis=1).min() > 0.99
        again = found.inverse_transform(found.transform(X + offset))
        np.testing.assert_allclose(again, X + offset, atol=1e-6)


def test_neither_noise_nor_more_features_than_dimensions_nor_sparse_codes_pass(planted):
    rng = np.random.default_rng(0)
    assert by_independent_components(split_of(rng.standard_normal((6000, 6)))) is None
    for law in ("laplace", "uniform"):
        overcomplete, _ = mixed(law, 9, 6)
        assert by_independent_components(split_of(overcomplete)) is None
    sparse, _, _ = planted(8, 8, 0.1, 6000)
    assert by_independent_components(split_of(sparse)) is None


def test_the_length_of_sources_is_that_of_a_gaussian_less_what_their_laws_save():
    """Closed form: a uniform law of standard deviation s has entropy log(s sqrt 12)."""
    X, D = mixed("uniform", 4, 4, n=4000)
    rng = np.random.default_rng(1)
    saved = 4 * (0.5 * np.log(2 * np.pi * np.e) - np.log(np.sqrt(12)))
    assert gaussian_nats(X) - sources_nats(X, D) == pytest.approx(saved, rel=0.1)
    normal = rng.standard_normal((4000, 4)) @ D
    assert gaussian_nats(normal) == pytest.approx(sources_nats(normal, D), abs=0.1)


def test_samples_drawn_from_a_list_count_once():
    """2,000 rows of 500: no copy is held out; silent samples keep theirs; few copies stay."""
    rng = np.random.default_rng(0)
    listed = rng.standard_normal((500, 4))
    drawn = np.concatenate([listed[rng.integers(500, size=2000)], np.zeros((300, 4))])
    split = split_of(drawn + 1.0)
    both = np.concatenate([split.X, split.held_out])
    assert (np.abs(both) < 1e-12).all(axis=1).sum() == 300
    assert len(both) == 300 + len(np.unique(drawn, axis=0)) - 1
    distinct = np.concatenate([listed, listed[:100]])
    again = split_of(distinct)
    assert len(again.X) + len(again.held_out) == 600
