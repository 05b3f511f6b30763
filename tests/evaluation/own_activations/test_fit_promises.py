"""What a fit promises: limits told and kept, the best so far kept, evidence beside the result."""

import json
import signal
from pathlib import Path

import numpy as np
import pytest

import evaluation
import unfold
from evaluation.own_activations.chance import against_chance, gaussian_double
from evaluation.own_activations.explain import certify_file, draw_phase_of_file, explain_file
from evaluation.own_activations.fit import fit_file
from evaluation.own_activations.limits import OutOfTime, Stopped, check_memory, time_limit
from evaluation.own_activations.measure import measure

METHOD = '''
import os, signal, time
import numpy as np
from sklearn.base import BaseEstimator


class Slow(BaseEstimator):
    """The first directions of the axes; all samples take longer than anybody waits."""

    def __init__(self, ends="never"):
        self.ends = ends

    def fit(self, X, y=None):
        if len(X) > 5000:
            if self.ends == "interrupt":
                os.kill(os.getpid(), signal.SIGINT)
            time.sleep(60)
        self.components_ = np.eye(X.shape[1])
        return self

    def transform(self, X):
        return X
'''


def planted(n: int, noise: float = 0.0, seed: int = 0, d: int = 8) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    D = np.random.default_rng(99).normal(size=(16, d))
    D /= np.linalg.norm(D, axis=1, keepdims=True)
    Z = (rng.random((n, 16)) < 0.08) * rng.uniform(0.5, 1, (n, 16))
    return (Z @ D + noise * rng.normal(size=(n, d))).astype(np.float32), D


@pytest.fixture
def many(tmp_path: Path) -> Path:
    np.save(tmp_path / "many.npy", planted(24_000)[0])
    (tmp_path / "slow.py").write_text(METHOD)
    return tmp_path


def test_out_of_time_keeps_what_the_first_samples_gave(many: Path) -> None:
    said: list[str] = []
    fitted = fit_file(
        many / "many.npy",
        many / "out",
        method=f"{many / 'slow.py'}:Slow",
        timeout=2,
        say=said.append,
    )
    assert fitted.summary["stopped"] == "after 2 s"
    assert fitted.summary["n_fitted"] == 5000
    kept = unfold.load_dictionary(many / "out")
    np.testing.assert_array_equal(kept.components_, np.eye(8))
    assert json.loads((many / "out" / "summary.json").read_text()) == fitted.summary
    assert any("5,000 samples" in line for line in said)
    assert any("explain 100.0% of new samples" in line for line in said)


def test_an_interrupt_keeps_what_the_first_samples_gave(many: Path) -> None:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        fitted = fit_file(
            many / "many.npy", many / "out", method=f"{many / 'slow.py'}:Slow[ends=interrupt]"
        )
    finally:
        signal.signal(signal.SIGINT, before)
    assert fitted.summary["stopped"] == "interrupted"
    assert (many / "out" / "dictionary.safetensors").exists()


def test_nothing_within_the_time_is_told(many: Path) -> None:
    np.save(many / "x.npy", planted(6_000)[0])
    with pytest.raises(ValueError, match=r"nothing within 0\.5 s: give more with --timeout"):
        fit_file(many / "x.npy", many / "out", method=f"{many / 'slow.py'}:Slow", timeout=0.5)


def test_time_limits_nest_in_nothing_and_leave_no_alarm() -> None:
    before = signal.getsignal(signal.SIGALRM)
    with pytest.raises(OutOfTime), time_limit(0.05):
        signal.pause()
    assert signal.getsignal(signal.SIGALRM) is before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    assert not issubclass(Stopped, Exception)


def test_a_fit_that_exceeds_memory_is_refused_with_a_subsample_that_fits(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", planted(2_000)[0])
    with pytest.raises(ValueError, match=r"--max-samples \d+") as refused:
        fit_file(tmp_path / "x.npy", tmp_path / "out", memory=1e-4)
    assert not (tmp_path / "out" / "summary.json").exists()
    some = int(str(refused.value).split("--max-samples ")[1].split(",")[0])
    assert check_memory(some, 8, 1e-4) <= 1e5
    with pytest.raises(ValueError, match="may take"):
        check_memory(some + 1, 8, 1e-4)
    fitted = fit_file(
        tmp_path / "x.npy", tmp_path / "out", method="pca", memory=1e-4, max_samples=some
    )
    assert fitted.summary["n_fitted"] == some


def test_an_earlier_fit_is_not_replaced_unasked(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", planted(50)[0])
    fit_file(tmp_path / "x.npy", tmp_path / "out", method="pca")
    with pytest.raises(ValueError, match=r"holds an earlier fit.*--overwrite"):
        fit_file(tmp_path / "x.npy", tmp_path / "out", method="pca")
    fit_file(tmp_path / "x.npy", tmp_path / "out", method="pca", seed=3, overwrite=True)
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["seed"] == 3


def test_the_folder_is_named_after_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    np.save("acts.npy", planted(50)[0])
    fitted = fit_file("acts.npy", method="pca")
    assert {path.parent for path in fitted.paths} == {Path("acts.features")}


def test_what_the_estimator_knows_is_written_and_comes_back(tmp_path: Path) -> None:
    X, D = planted(3_000, noise=0.02, d=12)
    np.save(tmp_path / "x.npy", X)
    fitted = fit_file(tmp_path / "x.npy", tmp_path / "out")
    summary = fitted.summary
    for name in ("road", "evidence", "confidence", "status", "noise", "positive", "version"):
        assert summary[name] is not None, name
    assert summary["noise"] == pytest.approx(0.02, rel=0.3)
    assert summary["chance"]["beyond_chance"]
    kept = unfold.load_dictionary(tmp_path / "out")
    assert (np.abs(kept.components_ @ D.T).max(axis=0) > 0.95).mean() > 0.9
    # its mean and its encoder come back too: the held-out score, from the folder alone
    fresh = planted(2_000, noise=0.02, seed=5, d=12)[0]
    left = fresh - (kept.transform(fresh) @ kept.dictionary_ + kept.mean_)
    explained = 1 - (left**2).sum() / ((fresh - fresh.mean(0)) ** 2).sum()
    assert explained == pytest.approx(summary["held_out"]["explained_variance"], abs=0.02)
    page = (tmp_path / "out" / "summary.html").read_text()
    for words in ("of samples not fitted", "Beyond chance", "unfold certify", summary["road"]):
        assert words in page


def test_explain_and_certify_use_the_noise_of_the_fit(tmp_path: Path) -> None:
    X, _ = planted(4_000, noise=0.05, d=12)
    np.save(tmp_path / "x.npy", X[:3_000])
    np.save(tmp_path / "fresh.npy", X[3_000:])
    method = "ksvd[n_components=16]"
    fit_file(tmp_path / "x.npy", tmp_path / "out", method=method)
    rows = np.argsort(-np.linalg.norm(X[3_000:], axis=1))[:20].tolist()
    fixed, measured = (
        explain_file(tmp_path / "fresh.npy", tmp_path / "out", rows, tolerance=tolerance)
        for tolerance in (0.05, None)
    )
    n_fixed, n_measured = (
        np.mean([len(item.features) for _, item, _ in found]) for found in (fixed, measured)
    )
    assert n_measured < n_fixed
    tight, fitting = (
        certify_file(tmp_path / "fresh.npy", tmp_path / "out", tolerance=tolerance)
        for tolerance in (0.05, None)
    )
    assert fitting.explained > tight.explained + 0.1


def test_a_matrix_inside_another_file_is_named(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    X, D = planted(20)
    np.save(tmp_path / "x.npy", X)
    save_file({"W_dec": D, "other": D[:3]}, tmp_path / "sae_weights.safetensors")
    [(_, found, _)] = explain_file(
        tmp_path / "x.npy", tmp_path / "sae_weights.safetensors", [0], dictionary_key="W_dec"
    )
    assert len(found.similarity) == 16


@pytest.mark.parametrize("name", ["ph", "ph.svg", "new/ph.pdf"])
def test_the_picture_is_where_it_is_said_to_be(tmp_path: Path, name: str) -> None:
    np.save(tmp_path / "D.npy", planted(2)[1])
    _, picture = draw_phase_of_file(tmp_path / "D.npy", tmp_path / name, resolution=2)
    assert picture.is_file()


class TestChance:
    """Few features explain sparse data better than Gaussian data of their covariance."""

    @pytest.mark.parametrize("seed", range(5))
    @pytest.mark.parametrize("method", ["pca", "ksvd"])
    def test_gaussian_noise_is_no_more_than_chance(self, method: str, seed: int) -> None:
        X = np.random.default_rng(seed).normal(size=(2_000, 8)) @ np.diag(np.arange(1.0, 9))
        fitted = unfold.get_method(method)().fit(X[:1000])
        chance = against_chance(fitted, X[1000:], seed)
        assert not chance.beyond
        assert chance.sentence.startswith("No more than chance")

    @pytest.mark.parametrize("noise", [0.0, 0.1])
    def test_features_are_beyond_chance(self, noise: float) -> None:
        X, D = planted(2_000, noise)
        fitted = unfold.KnownDirections(D)
        assert against_chance(fitted, X, 0).beyond
        # and directions that are none of the data's are not
        random = np.random.default_rng(1).normal(size=D.shape)
        wrong = against_chance(unfold.KnownDirections(random), X, 0)
        assert wrong.explained < against_chance(fitted, X, 0).explained

    def test_the_double_has_mean_and_covariance_and_nothing_else(self) -> None:
        X = planted(4_000)[0].astype(float) + 3
        double = gaussian_double(X, 200_000, np.random.default_rng(0))
        np.testing.assert_allclose(double.mean(0), X.mean(0), atol=0.01)
        np.testing.assert_allclose(np.cov(double.T), np.cov(X.T), atol=0.01)
        centred = double - double.mean(0)
        kurtosis = (centred**4).mean(0) / (centred**2).mean(0) ** 2
        np.testing.assert_allclose(kurtosis, 3, atol=0.1)


def test_scores_are_those_of_the_codes() -> None:
    X, D = planted(500)
    known = unfold.KnownDirections(D, mean=np.full(8, 0.1))
    found = measure(known, X)
    Z = known.transform(X)
    left = X - (Z @ D + 0.1)
    assert found.explained_variance == pytest.approx(
        1 - (left**2).sum() / ((X - X.mean(0)) ** 2).sum(), abs=1e-5
    )
    np.testing.assert_allclose(found.usage, (Z != 0).mean(0))


@pytest.mark.filterwarnings("ignore")
def test_features_that_chance_gives_are_counted_when_asked(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", planted(1_200)[0])
    fitted = fit_file(
        tmp_path / "x.npy", tmp_path / "out", method="ksvd[n_components=16]", chance=True
    )
    chance = fitted.summary["chance"]
    assert chance["n_features_by_chance"] == 16
    assert chance["sentence"].endswith("the method finds 16 features.")
    written = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert written["chance"] == chance


def test_the_phase_of_a_fit_marks_where_its_data_lie(tmp_path: Path) -> None:
    from unfold.sparse_coding.phase_transition import draw_phase, phase_report

    D = planted(2)[1]
    figure = draw_phase(phase_report(D, resolution=2, n_trials=2), rho=0.25)
    marked = [line for line in figure.axes[0].lines if line.get_label() == "your data"]
    assert marked
    assert [line.get_xydata().tolist() for line in marked] == [[[0.5, 0.25]]] * len(marked)


@pytest.mark.parametrize("method", ["pca", "ksvd[n_components=16]"])
@pytest.mark.filterwarnings("ignore")
def test_codes_come_back_in_one_call(tmp_path: Path, method: str) -> None:
    X, _ = planted(300)
    np.save(tmp_path / "x.npy", X)
    with pytest.raises(ValueError, match=r"`unfold fit --codes` writes them"):
        evaluation.load_codes(tmp_path)
    fit_file(tmp_path / "x.npy", tmp_path / "out", method=method, codes=True)
    codes, kept = evaluation.load_codes(tmp_path / "out"), unfold.load_dictionary(tmp_path / "out")
    assert codes.shape == (300, len(kept.dictionary_))
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    left = X - (codes @ kept.dictionary_ + kept.mean_)
    explained = 1 - (left**2).sum() / ((X - X.mean(0)) ** 2).sum()
    assert explained == pytest.approx(summary["explained_variance"], abs=1e-4)
    damaged = tmp_path / "codes.safetensors"
    damaged.write_bytes((tmp_path / "out" / "codes.safetensors").read_bytes()[:40])
    with pytest.raises(ValueError, match="holds no codes of a fit"):
        evaluation.load_codes(damaged)
