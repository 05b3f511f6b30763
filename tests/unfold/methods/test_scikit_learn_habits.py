"""What people do with scikit-learn's estimators, done with every registered method."""

import io
import pickle
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from unfold import get_method, list_methods, load_dictionary, save_dictionary

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:decoder_init_norm:UserWarning"),
]

#: As short as a fit can be: what is tested are habits, not results.
BRIEF: dict[str, dict[str, Any]] = {
    "alternating": {"max_iter": 3},
    "er-spud": {"max_samples": 30, "n_programs": 3},
    "generalised-covariance": {"n_starts": 2},
    "itkrm": {"max_iter": 3},
    "ksvd": {"max_iter": 3},
    "mod": {"max_iter": 3},
    "nmf": {"max_iter": 20},
    "online-dictionary": {"n_steps": 3},
    "reconstruction-ica": {"max_iter": 5},
    "refinement": {"max_iter": 3},
    "sae-lens": {"n_steps": 5},
    "semi-nmf": {"max_iter": 20},
    "sklearn-dictionary-learning": {"max_iter": 2},
    "subspace-power": {"n_starts": 2},
    "tail-power": {"max_rounds": 1},
}
METHODS = list_methods()
_rng = np.random.default_rng(0)
D = _rng.standard_normal((6, 6))
CODES = _rng.random((300, 6)) * (_rng.random((300, 6)) < 0.25)
X = CODES @ D + 0.01 * _rng.standard_normal((300, 6))


@pytest.fixture
def method(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    name = request.param
    if name == "sae-lens":
        pytest.importorskip("sae_lens")
    params = {"n_steps": 5} if name.endswith("-sae") else dict(BRIEF.get(name, {}))
    if name == "fixed-dictionary":
        np.save(tmp_path / "D.npy", D)
        params = {"path": str(tmp_path / "D.npy")}
    return get_method(name)(**params)


@pytest.mark.parametrize("method", METHODS, indirect=True)
def test_columns_have_names_and_copies_the_same_codes(method: Any) -> None:
    frame = pd.DataFrame(X, columns=[f"x{i}" for i in range(6)])
    method.set_output(transform="pandas").fit(frame)
    table = method.transform(frame)
    assert isinstance(table, pd.DataFrame) and table.index.equals(frame.index)
    assert list(table.columns) == list(method.get_feature_names_out())
    assert len(set(table.columns)) == method.n_components_
    stored = io.BytesIO()
    joblib.dump(method, stored)
    stored.seek(0)
    for copy in (joblib.load(stored), pickle.loads(pickle.dumps(method))):
        pd.testing.assert_frame_equal(copy.transform(frame), table)
        np.testing.assert_array_equal(copy.components_, method.components_)
    assert np.isfinite(method.score(frame))
    assert not hasattr(clone(method), "components_")


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("method", METHODS, indirect=True)
def test_a_file_of_the_dictionary_gives_the_same_codes(
    method: Any, dtype: Any, tmp_path: Path
) -> None:
    data = X.astype(dtype)
    codes = method.fit(data).transform(data)
    save_dictionary(method, tmp_path / "saved.safetensors")
    again = load_dictionary(tmp_path / "saved.safetensors")
    rounding = 1e-9 if dtype is np.float64 and method.backend == "numpy" else 1e-4
    np.testing.assert_allclose(again.transform(data), codes, atol=rounding * np.abs(codes).max())
    np.testing.assert_allclose(
        again.inverse_transform(codes), method.inverse_transform(codes), atol=1e-4
    )


@pytest.mark.parametrize("method", METHODS, indirect=True)
def test_pipelines_take_every_method(method: Any) -> None:
    line = make_pipeline(StandardScaler(with_std=False), method)
    codes = line.fit_transform(X)
    assert codes.shape == (len(X), method.n_components_)
    np.testing.assert_array_equal(line.transform(X), line.transform(X))


def test_a_grid_search_without_truth_finds_the_number_of_features() -> None:
    rng = np.random.default_rng(1)
    D = rng.standard_normal((8, 8))
    data = (0.5 + rng.random((1200, 8))) * (rng.random((1200, 8)) < 0.15) @ D
    data = data + 0.02 * rng.standard_normal(data.shape)
    search = GridSearchCV(
        get_method("ksvd")(max_iter=15, random_state=0), {"n_components": [3, 8]}, cv=2
    ).fit(data)
    assert search.best_params_ == {"n_components": 8}
    assert search.best_score_ == search.cv_results_["mean_test_score"].max()


def test_the_score_pays_for_every_active_atom(tmp_path: Path) -> None:
    """With no residual either way, dense codes are longer to describe than the sparse ones."""
    rng = np.random.default_rng(2)
    D = rng.standard_normal((4, 4))
    data = (rng.random((800, 4)) * (rng.random((800, 4)) < 0.3)) @ D
    np.save(tmp_path / "D.npy", D)
    sparse = get_method("fixed-dictionary")(str(tmp_path / "D.npy"), alpha=1e-3).fit(data)
    dense = get_method("pca")(n_components=4).fit(data)
    assert sparse.score(data) > dense.score(data)
