"""A method that hunts for the truth finds activations, parameters, a seed, and nothing else."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import toy
from evaluation.isolation.landlock import landlock_abi
from evaluation.running.problems import (
    NamedProblem,
    find_problems,
    make,
    salt_fingerprint,
    toy_seed,
)
from evaluation.running.record import Record
from evaluation.running.run import run
from evaluation.running.store import cell_folder, load_records

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="processes are closed on Linux only"
)
PLUGINS = Path(__file__).parents[1] / "plugins"
SALT = "pineapple-5f2c9a1e7b"
SPEC = {
    "features": {"n": 6, "gate": {"kind": "independent", "p": 0.2}},
    "source": {"kind": "planted", "d": 4},
    "n_train": 300,
    "n_test": 100,
}


@pytest.fixture(scope="module")
def hunt(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], list[Path], Record]:
    folder = tmp_path_factory.mktemp("hunt")
    out, salt_file = folder / "results", folder / "salt.txt"
    salt_file.write_text(SALT)
    out.mkdir()
    (out / "notes.json").write_text("{}")
    places = [salt_file, out, out / "notes.json", Path(toy.__file__).parents[1] / "pyproject.toml"]
    method = f"{PLUGINS}/hunter.py:Hunter[places='{':'.join(map(str, places))}']"
    run([SPEC], [method], 3, out, tracks=["blind"], salt=SALT, private=[salt_file], n_jobs=1)
    (record,) = [r for r in load_records(out) if not r.method.startswith("control:")]
    assert record.status == "ok", record.reason
    return json.loads((cell_folder(out, record.key) / "log.txt").read_text()), places, record


def test_arguments_environment_and_files_at_hand_say_nothing(
    hunt: tuple[dict[str, Any], list[Path], Record],
) -> None:
    found, _, _ = hunt
    assert found["argv"] == [""]
    assert found["environ"] == []
    assert found["attributes"] == ["places", "random_state"]
    assert found["random_state"] not in (3, toy_seed(find_problems([SPEC])[0], 3, SALT))
    assert found["cwd"] == []
    assert not found["toy"]
    assert all(
        path.startswith(("/dev/null", "pipe:", "/proc/")) or path.endswith((".npy",))
        for path in found["open"]
    )


def test_the_memory_of_the_runner_is_closed(
    hunt: tuple[dict[str, Any], list[Path], Record],
) -> None:
    found, _, _ = hunt
    for level in (0, 1):
        for way in ("memory", "vm_readv", "ptrace", "environ", "fd"):
            assert found[f"{way} {level}"] == "PermissionError", (way, level, found)


@pytest.mark.skipif(not landlock_abi(), reason="this kernel has no Landlock to close files with")
def test_salt_and_results_cannot_be_read_by_name(
    hunt: tuple[dict[str, Any], list[Path], Record],
) -> None:
    found, places, _ = hunt
    for place in places:
        assert place.exists()
        assert found[str(place)] == "PermissionError", (place, found)


def test_the_same_hunter_finds_all_that_outside_of_the_sandbox(tmp_path: Path) -> None:
    secret = tmp_path / "salt.txt"
    secret.write_text(SALT)
    code = (
        f"import sys; sys.path.insert(0, {str(PLUGINS)!r}); import numpy, hunter; "
        f"hunter.Hunter({str(secret)!r}).fit(numpy.ones((2, 2)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    assert found[str(secret)] == f"got {len(SALT)}"
    assert found["environ 0"].startswith("got")


def test_a_salted_problem_is_not_the_public_one(
    hunt: tuple[dict[str, Any], list[Path], Record],
) -> None:
    problem = find_problems([SPEC])[0]
    salted, public = make(problem, 3, SALT), make(problem, 3)
    assert salted.digest == hunt[2].problem_digest != public.digest
    assert hunt[2].salt == salt_fingerprint(SALT)
    assert SALT not in hunt[2].model_dump_json()


def test_a_salt_that_can_be_guessed_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 16"):
        salt_fingerprint("short")


def test_salted_seeds_depend_on_salt_problem_and_seed() -> None:
    one, other = NamedProblem("a/v1", {}), NamedProblem("b/v1", {})
    salts = (SALT, SALT + "x")
    seeds = {toy_seed(p, seed, salt) for p in (one, other) for seed in (0, 1) for salt in salts}
    assert len(seeds) == 8
    assert toy_seed(one, 5, "") == 5
