"""The command line: thin, quick to answer, and honest in its exit codes."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from evaluation.cli import display, main, own_activations


def _unfold(*words: str | Path) -> int:
    """Run the command in this process and return its exit code."""
    before = sys.argv
    sys.argv = ["unfold", *map(str, words)]
    try:
        with pytest.raises(SystemExit) as leaving:
            main()
    finally:
        sys.argv = before
    code = leaving.value.code
    return code if isinstance(code, int) else 0


@pytest.fixture(autouse=True)
def signals_are_restored() -> "object":
    import signal

    kept = {s: signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)}
    yield
    for signum, handler in kept.items():
        signal.signal(signum, handler)


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys\nsys.argv = ['unfold', '--help']\nfrom evaluation.cli import main\n"
        "try:\n    main()\nexcept SystemExit as e:\n    assert e.code == 0\n"
        "heavy = {'torch', 'numpy', 'sklearn', 'pandas', 'plotly', 'matplotlib', 'pydantic'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for verb in ("list", "info", "run", "report", "score", "check", "fit", "compare", "merge"):
        assert f" {verb} " in done.stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["run", "--nope"], "No such option"),
        (["nope"], "No such command"),
        (["run", "-s", "smok"], "did you mean 'smoke'?"),
        (["run", "-p", "relu-20in5-p0.1/v2", "-m", "pca"], "Unknown problem"),
        (["run", "-p", "xyz-*", "-m", "pca"], "No problem matches"),
        (["run", "-s", "smoke", "-m", "pcaa"], "Unknown method 'pcaa'"),
        (["run", "-s", "smoke", "--timeout", "soon"], "Cannot read the duration"),
        (["run", "-m", "pca"], "No problem is chosen"),
        (["check", "ksvd[n_iter=3]"], "takes no parameter 'n_iter'"),
        (["info", "fastic"], "did you mean 'fastica'"),
        (["report", "no-such-folder"], "No results in 'no-such-folder'"),
        (["status", "no-such-folder"], "No results in 'no-such-folder'"),
        (["fit", "no-such-file.npy", "-o", "x"], "No file or folder 'no-such-file.npy'"),
        (["list", "things"], "none of methods, problems"),
    ],
)
def test_wrong_usage_leaves_with_1_and_says_what_is_wrong(
    words: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert _unfold(*words) == 1
    assert message in " ".join(capsys.readouterr().err.split()).replace("│ ", "")


@pytest.mark.parametrize("kind", ["methods", "problems", "metrics", "suites"])
def test_list_names_all(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    import toy
    import unfold
    from evaluation.running.suites import list_suites
    from evaluation.scoring.metrics import METRICS

    names = {
        "methods": unfold.list_methods,
        "problems": toy.list_problems,
        "metrics": lambda: list(METRICS),
        "suites": list_suites,
    }
    assert _unfold("list", kind) == 0
    shown = "".join(char for char in capsys.readouterr().out if char.isalnum())
    for name in names[kind]()[:3]:
        assert "".join(char for char in name[:8] if char.isalnum()) in shown


@pytest.mark.parametrize(
    "name",
    [
        "pca",
        "sklearn.decomposition:FastICA",
        "smoke",
        "mcc",
        "relu-20in5-p0.1/v1",
        "phase-2-1",
        "hierarchy-24in12-depth2/v1",
    ],
)
def test_info_knows_every_kind_of_name(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert _unfold("info", name) == 0
    assert "kind" in capsys.readouterr().out


def test_fit_writes_a_dictionary(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    X = np.random.default_rng(0).standard_normal((40, 3))
    np.save(tmp_path / "x.npy", X)
    out = tmp_path / "out"
    assert _unfold("fit", tmp_path / "x.npy", "-o", out, "-m", "pca", "--n-components", "2") == 0
    assert (out / "dictionary.safetensors").exists()
    assert not (out / "codes.safetensors").exists()
    assert "n_features" in capsys.readouterr().out


def test_dry_run_writes_nothing_and_shows_the_matrix(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    words = ["-p", "planted-8in6-p0.1/v1", "-m", "pca", "--seeds", "0:2", "--track", "blind"]
    assert _unfold("run", *words, "-o", out, "--dry-run") == 0
    shown = capsys.readouterr().out
    assert "6 cells, 0 done, 6 to run" in " ".join(shown.split())
    assert not out.exists()


PLUGIN = """
from sklearn.base import BaseEstimator
from sklearn.utils import check_array, check_random_state
{helper}

class Draws(BaseEstimator):
    {hints}
    def __init__(self, n_components=None, scale=1.0, random_state=None):
        self.n_components, self.scale, self.random_state = n_components, scale, random_state

    def fit(self, X, y=None):
        k = self.n_components or 4
        X = check_array(X)
        self.components_ = X[check_random_state(self.random_state).choice(len(X), k)]
        return self
"""


def _plugin(folder: Path, hints: str = "", helper: str = "") -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / "draws.py"
    path.write_text(PLUGIN.format(hints=hints, helper=helper))
    return path


def test_check_and_info_read_parameters_and_what_lies_beside(tmp_path, capfd) -> None:
    path = _plugin(tmp_path, helper="import beside_the_file")
    (tmp_path / "beside_the_file.py").write_text("")
    assert _unfold("check", f"{path}:Draws[scale=[1.0,2.0]]", "--timeout", "1m") in (0, 3)
    out = capfd.readouterr().out
    assert "Draws[scale=1.0]" in out and "Draws[scale=2.0]" in out
    assert _unfold("info", f"{path}:Draws[scale=3.0]") == 0
    out = capfd.readouterr().out
    assert "scale=3.0" in out and "n_components = n_features" in out


WRONG_HINTS = {
    "hints = {'n_components': 'n_featuers'}": "did you mean 'n_features'?",
    "hints = {'n_component': 'n_features'}": "did you mean 'n_components'?",
    "hints = 'n_components'": "expected a dict",
}


def test_wrong_hints_are_one_error_before_any_cell_runs(tmp_path, capfd) -> None:
    paths = [_plugin(tmp_path / str(i), hints) for i, hints in enumerate(WRONG_HINTS)]
    methods = [word for path in paths for word in ("-m", f"{path}:Draws")]
    assert _unfold("run", "-s", "smoke", *methods, "-o", tmp_path / "out") == 1
    told = capfd.readouterr().err
    assert all(message in told for message in WRONG_HINTS.values())
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("words", [("list", "suites"), ("info", "pca"), ("info", "smoke")])
def test_json_is_one_object_and_nothing_else(capfd, words) -> None:
    assert _unfold(*words, "--json") == 0
    found = json.loads(capfd.readouterr().out)
    kind = "tables" if words[0] == "list" else "facts"
    assert found[kind][words[1]]
    assert _unfold(*words) == 0
    with pytest.raises(json.JSONDecodeError):
        json.loads(capfd.readouterr().out)


@pytest.mark.parametrize("kind", ["suites", "problems", "metrics", "experiments"])
def test_lists_fit_on_eighty_columns_and_piped_ones_are_a_line_a_row(capfd, monkeypatch, kind):
    monkeypatch.setattr(display, "_width", lambda: 80)
    assert _unfold("list", kind) == 0
    narrow = capfd.readouterr().out
    assert max(map(len, narrow.splitlines())) <= 80 and not set("┃│┏") & set(narrow)
    monkeypatch.undo()
    monkeypatch.delenv("COLUMNS", raising=False)
    assert _unfold("list", kind) == 0
    assert len(capfd.readouterr().out.splitlines()) < len(narrow.splitlines())


@pytest.mark.parametrize(
    ("text", "gigabytes"), [("4", 4), ("0.5", 0.5), ("4GB", 4), ("500MB", 0.5), ("2GiB", 2.147)]
)
def test_sizes_of_fit_are_gigabytes_unless_a_unit_is_given(text, gigabytes):
    assert own_activations._gigabytes(text) == pytest.approx(gigabytes, rel=1e-3)


def test_fit_takes_times_and_sizes_as_run_does(tmp_path, capfd) -> None:
    codes = np.random.default_rng(0).random((300, 6)) < 0.2
    np.save(tmp_path / "X.npy", (codes @ np.eye(6)).astype(np.float32))
    words = ("fit", tmp_path / "X.npy", "-o", tmp_path / "out", "-m", "pca")
    assert _unfold(*words, "--timeout", "soon") == 1
    assert "Cannot read the duration" in capfd.readouterr().err
    assert _unfold(*words, "--timeout", "1m", "--mem", "4GB") == 0
    assert (tmp_path / "out" / "dictionary.safetensors").is_file()
