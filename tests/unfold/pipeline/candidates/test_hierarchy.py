"""The candidate for hierarchies: it finds one, and claims none where there is none."""

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from toy.make import make_sampler
from toy.zoo.planted import planted, tree
from unfold.deadline import OutOfTime, deadline
from unfold.pipeline.candidates.hierarchy import by_hierarchy
from unfold.pipeline.split import Split


def drawn(spec, n, seed=3):
    sampler = make_sampler(spec, seed=seed)
    rays = sampler.world.rays
    X, _ = sampler.sample(n)
    split = Split.of(X, None, np.random.RandomState(0))
    return split, rays / np.linalg.norm(rays, axis=1, keepdims=True)


@pytest.mark.slow
def test_a_hierarchy_is_found():
    split, true = drawn(tree(340, 160, 4, 2, 0.4, 0.01), 40_000)
    found = by_hierarchy(split)
    assert found is not None and found.evidence["parents"] > 30
    cosine = found.dictionary @ true.T
    rows, columns = linear_sum_assignment(-cosine)
    hits = (cosine[rows, columns] > 0.9).sum()
    assert 2 * hits / (340 + len(found.dictionary)) > 0.9
    assert np.linalg.norm(found.dictionary, axis=1) == pytest.approx(1, abs=1e-5)


def test_a_flat_world_is_no_hierarchy():
    split, _ = drawn(planted(256, 160, 0.02, 0.0, False), 26_000)
    assert by_hierarchy(split) is None


def test_few_dimensions_or_samples_are_for_others():
    rng = np.random.default_rng(0)
    for n, d in ((30_000, 20), (3_000, 200)):
        assert (
            by_hierarchy(Split.of(rng.standard_normal((n, d)), None, np.random.RandomState(0)))
            is None
        )


def test_no_time_left_is_said_before_all_samples_are_looked_at():
    split, _ = drawn(tree(340, 160, 4, 2, 0.4, 0.01), 26_000)
    with deadline(0.0), pytest.raises(OutOfTime):
        by_hierarchy(split)
