"""Tuning sees no truth: the criterion, the budget, the choice; and scoring again fits nothing."""

from pathlib import Path

import numpy as np
import pytest

from evaluation.boards.table import tidy
from evaluation.isolation.tuning import FITTED_SHARE, candidates, description_length, tune
from evaluation.running.rescore import rescore
from evaluation.running.run import run
from evaluation.running.store import load_records
from unfold import get_method, list_methods

SPEC = {
    "features": {"n": 12, "gate": {"kind": "independent", "p": 0.08}},
    "source": {"kind": "planted", "d": 8},
    "n_train": 3000,
    "n_test": 600,
}


class Coder:
    """Codes by a given dictionary, which it does not learn."""

    fitted_on = 0

    def __init__(self, width: int = 4, fail: bool = False) -> None:
        self.width = width
        self.fail = fail

    def fit(self, X: np.ndarray) -> "Coder":
        if self.fail:
            raise RuntimeError("not today")
        type(self).fitted_on = len(X)
        self.components_ = np.eye(X.shape[1])[: self.width]
        return self

    def transform(self, X: np.ndarray) -> np.ndarray:
        return X @ self.components_.T


def _axes(n: int = 2000) -> np.ndarray:
    """Samples on one of four of six axes each, and a little noise everywhere."""
    rng = np.random.default_rng(0)
    X = np.eye(6)[rng.integers(4, size=n)] * rng.uniform(0.5, 1, (n, 1))
    return X + 0.01 * rng.standard_normal((n, 6))


def test_description_length_is_the_formula():
    X = _axes()
    coder = Coder(3).fit(X)
    codes = X[:, :3]
    left = (X[:, 3:] ** 2).sum(axis=1)
    most = np.sort(left)[: round(0.9 * len(X))]
    expected = []
    for noise in (left.mean() / 6, most.mean() / 6):
        strength = 0.5 * np.log1p((codes**2).mean() / noise)
        which = np.log((len(X) + 1) / ((codes != 0).sum(axis=0) + 1))
        on = ((codes != 0) * (which + strength)).sum(axis=1)
        expected.append(np.mean(3 * np.log(noise) - 3 + left / (2 * noise) + on))
    assert description_length(coder, X) == pytest.approx(min(expected))


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_the_shortest_description_is_chosen_whatever_the_scale(scale):
    X = np.where(abs(_axes()) < 0.1, 0, _axes()) * scale
    found = tune(Coder, {}, {"space": {"width": [2, 4, 6]}, "n_trials": 3, "seed": 0}, X)
    assert found["chosen"] == {"width": 4}
    assert [trial["params"]["width"] for trial in found["trials"]] == [2, 4, 6]
    assert Coder.fitted_on == FITTED_SHARE * len(X)


def test_what_fails_is_reported_and_if_all_fail_so_is_that():
    X = _axes()
    space = {"width": [2, 4], "fail": [True, False]}
    found = tune(Coder, {}, {"space": space, "n_trials": 9, "seed": 0}, X)
    assert found["chosen"]["fail"] is False
    assert ["not today" in t.get("error", "") for t in found["trials"]].count(True) == 2
    with pytest.raises(RuntimeError, match="None of 1 candidates"):
        tune(Coder, {"fail": True}, {"space": {"width": [2]}, "n_trials": 1, "seed": 0}, X)


def test_the_budget_is_the_same_for_all_and_draws_without_repeats():
    space = {"a": list(range(10)), "b": list(range(10))}
    drawn = candidates(space, 8, np.random.default_rng(0))
    assert len(drawn) == 8 and len({tuple(d.items()) for d in drawn}) == 8
    assert candidates(space, 8, np.random.default_rng(0)) == drawn
    assert len(candidates({"a": [1, 2]}, 8, np.random.default_rng(0))) == 2


@pytest.mark.parametrize("name", [n for n in list_methods() if n != "sae-lens"])
def test_search_spaces_name_parameters_and_values_that_construct(name):
    method = get_method(name)
    for parameter, values in getattr(method, "search_space", {}).items():
        assert len(set(values)) > 1
        for value in values:
            assert method(**{parameter: value}).get_params()[parameter] == value


def test_tuned_rows_stand_beside_default_ones_and_scoring_again_fits_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    how = {"tracks": ["blind"], "tuning": ["default", "tuned"]}
    run([SPEC], ["spherical-k-means", "pca"], seeds=[0], out=tmp_path, **how)
    before = load_records(tmp_path)
    entries = set(tidy(before)[0]["entry"])
    assert {
        "spherical-k-means",
        "spherical-k-means (tuned)",
        "pca",
    } < entries and "pca (tuned)" not in entries
    [tuned] = [r for r in before if r.tuning == "tuned"]
    tried = [trial["params"] for trial in tuned.search["trials"]]
    assert tuned.search["chosen"] in tried and len(tried) == 4
    assert run(
        [SPEC], ["spherical-k-means", "pca"], seeds=[0], out=tmp_path, **how
    ).n_reused == len(before)

    def never(*_: object, **__: object) -> None:
        raise AssertionError("scoring again must not fit")

    monkeypatch.setattr(get_method("spherical-k-means"), "fit", never)
    assert rescore(tmp_path) == (0, [])
    n_changed, notes = rescore(tmp_path, force=True)
    assert n_changed == len(before) and not notes
    after = {r.key: r.metrics for r in load_records(tmp_path)}
    assert after == {r.key: pytest.approx(r.metrics, nan_ok=True) for r in before}


def test_scoring_again_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="No results"):
        rescore(tmp_path / "nowhere")
