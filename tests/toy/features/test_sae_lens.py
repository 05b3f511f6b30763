"""Worlds of ``sae_lens.synthetic`` as problems: their directions, codes and rates."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import toy

synthetic = pytest.importorskip("sae_lens.synthetic")


def _config(tmp_path: Path, **changes: Any) -> str:
    config = synthetic.SyntheticModelConfig(
        num_features=12, hidden_dim=8, std_firing_magnitudes=0.1, **changes
    )
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config.to_dict()))
    return f"sae-lens:{path}"


def test_activations_are_codes_times_directions_plus_bias(tmp_path: Path) -> None:
    problem = toy.make_problem(_config(tmp_path), seed=3)
    truth = problem.truth
    assert problem.id.startswith("sae-lens:config+") and truth.positive
    atoms = truth.directions * truth.norms[:, None]
    np.testing.assert_allclose(
        problem.observed.train, truth.codes_train @ atoms + truth.bias, atol=1e-5
    )
    assert np.linalg.norm(truth.bias) == pytest.approx(1, abs=1e-5)
    n = len(truth.codes_train)
    rate = (truth.codes_train > 0).mean(axis=0)
    assert (np.abs(rate - truth.density) < 5 * np.sqrt(truth.density / n) + 1e-9).all()


def test_the_seed_draws_the_world_and_the_config_alone_makes_it_again(tmp_path: Path) -> None:
    name = _config(tmp_path)
    one, again = toy.make_problem(name, seed=0), toy.make_problem(name, seed=0)
    assert one.digest == again.digest
    assert one.digest != toy.make_problem(name, seed=1).digest
    Path(name.removeprefix("sae-lens:")).unlink()
    assert toy.make_problem(dict(one.spec), seed=0).digest == one.digest


def test_in_a_hierarchy_densities_are_those_of_the_samples(tmp_path: Path) -> None:
    hierarchy = synthetic.HierarchyConfig(total_root_nodes=2, branching_factor=3, max_depth=2)
    problem = toy.make_problem(_config(tmp_path, hierarchy=hierarchy), seed=0)
    rate = (problem.truth.codes_train > 0).mean(axis=0)
    n = len(problem.truth.codes_train)
    assert (np.abs(rate - problem.truth.density) < 6 * np.sqrt(rate / n) + 1e-3).all()


def test_what_is_no_configuration_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="No file"):
        toy.make_problem(f"sae-lens:{tmp_path}/none.json")
    for text in ("[1]", "{", '{"num_features": 3}'):
        (tmp_path / "a.json").write_text(text)
        with pytest.raises(ValueError, match="no configuration"):
            toy.make_problem(f"sae-lens:{tmp_path}/a.json")
    with pytest.raises(ValueError, match="goes with a source"):
        features = {"n": 3, "gate": {"kind": "declared"}}
        toy.make_problem({"features": features, "source": {"kind": "planted", "d": 2}})
