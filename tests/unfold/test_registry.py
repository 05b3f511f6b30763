"""Names resolve to classes, wrong names to help, and estimators to dictionaries."""

import subprocess
import sys
from importlib.metadata import EntryPoint

import numpy as np
import pytest
from sklearn.decomposition import FastICA

from unfold import registry
from unfold.arrays import dictionary_of
from unfold.registry import describe_methods, get_method, list_methods


class _Distribution:
    def __init__(self, name):
        self.name = name


def _point(name, value, owner):
    point = EntryPoint(name, value, registry.GROUP)
    vars(point)["dist"] = _Distribution(owner)
    return point


@pytest.fixture
def plugins(monkeypatch):
    def install(*points):
        monkeypatch.setattr(registry, "entry_points", lambda group: points)

    return install


def test_every_registered_method_loads_and_has_a_card():
    for info in describe_methods():
        if info.distribution == "unfold-superposition":
            assert info.reason == "", info
            assert info.card.solves and info.card.paper and info.card.cost and info.card.fails


def test_listing_imports_no_method():
    code = (
        "import sys, unfold; names = unfold.list_methods(); assert 'pca' in names; "
        "assert not {'torch', 'sklearn', 'numba', 'scipy'} & sys.modules.keys(), 'heavy import'"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_unknown_name_suggests_near_ones():
    with pytest.raises(ValueError, match="did you mean 'fastica'"):
        get_method("fast-ica")


def test_name_claimed_by_two_distributions_names_both(plugins):
    plugins(_point("pca", "a.b:C", "alpha"), _point("pca", "d.e:F", "beta"))
    assert list_methods() == ["pca"]
    with pytest.raises(ValueError, match=r"alpha \(a\.b:C\) and beta \(d\.e:F\)"):
        get_method("pca")
    assert "beta" in describe_methods()[0].reason


def test_one_distribution_seen_twice_is_no_clash(plugins):
    value = "unfold.methods.baselines.controls:PCA"
    plugins(_point("pca", value, "my_pack"), _point("pca", value, "my-pack"))
    assert get_method("pca").__name__ == "PCA"


def test_broken_plugin_is_listed_with_its_reason(plugins):
    plugins(
        _point("broken", "no_such_module_here:Thing", "plug"),
        _point("pca", "unfold.methods.baselines.controls:PCA", "good"),
    )
    broken, good = describe_methods()
    assert "no_such_module_here" in broken.reason and "plug" in broken.reason
    assert good.reason == "" and good.card.family == "baselines"


def test_class_in_a_file(tmp_path):
    source = "class Mine:\n    def fit(self, X, y=None):\n        return self\n"
    (tmp_path / "a").mkdir()
    for path in (tmp_path / "method.py", tmp_path / "a" / "method.py"):
        path.write_text(source)
    first = get_method(f"{tmp_path}/method.py:Mine")
    second = get_method(f"{tmp_path}/a/method.py:Mine")
    assert first.__module__ != second.__module__
    with pytest.raises(ValueError, match="did you mean 'Mine'"):
        get_method(f"{tmp_path}/method.py:Mien")
    with pytest.raises(ValueError, match="No file"):
        get_method(f"{tmp_path}/other.py:Mine")


HELPED = """
from helper_of_a_plugin import VALUE
class Mine:
    value = VALUE
    def fit(self, X, y=None):
        import lazy_helper_of_a_plugin
        return lazy_helper_of_a_plugin.VALUE
"""


def test_a_file_imports_what_lies_beside_it(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "method.py").write_text(HELPED)
        (tmp_path / name / "helper_of_a_plugin.py").write_text(f"VALUE = {name!r}\n")
    (tmp_path / "b" / "lazy_helper_of_a_plugin.py").write_text("VALUE = 'later'\n")
    first, second = (get_method(f"{tmp_path}/{name}/method.py:Mine") for name in "ab")
    assert (first.value, second.value) == ("a", "b")
    assert second().fit(None) == "later"
    assert sys.path[-1] == str(tmp_path / "b")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("class A:\n    def fit(self, X:\n", r"SyntaxError: .*method\.py, line 2"),
        ("import no_such_package\n", r"No module named 'no_such_package' \(method\.py, line 1\)"),
    ],
)
def test_a_file_that_does_not_load_says_why_and_where(tmp_path, monkeypatch, text, told):
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "method.py").write_text(text)
    with pytest.raises(ImportError, match=told):
        get_method(f"{tmp_path}/method.py:A")


def test_class_in_a_module():
    assert get_method("sklearn.decomposition:FastICA") is FastICA
    with pytest.raises(ValueError, match="No module 'no_such_package'"):
        get_method("no_such_package.sub:Thing")
    with pytest.raises(TypeError, match="expected a class with fit"):
        get_method("math:sqrt")


def test_dictionary_of_fastica_is_the_mixing_matrix():
    rng = np.random.default_rng(0)
    truth = np.array([[1.0, 0.0], [0.6, 0.8]])
    X = (rng.random((4000, 2)) * (rng.random((4000, 2)) < 0.2)) @ truth
    ica = FastICA(random_state=0, whiten="unit-variance").fit(X)
    cosine = np.abs(dictionary_of(ica) @ truth.T).max(axis=0)
    assert cosine.min() > 0.999
    unmixing = ica.components_ / np.linalg.norm(ica.components_, axis=1, keepdims=True)
    assert np.abs(unmixing @ truth.T).max(axis=0).min() < 0.9


def test_dictionary_of_prefers_what_is_explicit():
    class Fitted:
        components_ = np.eye(3)
        mixing_ = np.ones((3, 2))

    found = Fitted()
    assert dictionary_of(found).shape == (2, 3)
    found.dictionary_ = np.array([[0.0, 3.0, 4.0]], dtype=np.float32)
    assert dictionary_of(found).tolist() == [[0.0, np.float32(0.6), np.float32(0.8)]]
    assert dictionary_of(found).dtype == np.float32
    with pytest.raises(AttributeError, match="dictionary_"):
        dictionary_of(object())
    found.dictionary_ = np.ones((2, 3)) + 1j
    with pytest.raises(ValueError, match=r"dictionary_ of Fitted is complex"):
        dictionary_of(found)
    found.dictionary_ = np.ones(3)
    with pytest.raises(ValueError, match="must be a matrix"):
        dictionary_of(found)


def test_a_methods_family_is_the_folder_it_lives_in():
    for info in registry.describe_methods():
        if info.card is not None and info.target.startswith("unfold.methods."):
            assert info.card.family == info.target.split(".")[2].replace("_", " "), info.name
