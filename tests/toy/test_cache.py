"""The cache: whatever is in the file, what comes out is right or made again."""

import json
import multiprocessing
import os

import numpy as np
import pytest

import toy
from toy.cache import cache_directory, digest, fetch, store

SPEC = {
    "id": "relu-5in2-p0.1/v1",
    "source": {"training": {"steps": 30, "restarts": 1}},
    "n_train": 50,
    "n_test": 50,
}


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("UNFOLD_CACHE", str(tmp_path))
    return tmp_path


def test_round_trip():
    tensors = {"W": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.ones(2)}
    store("key", tensors, {"what": "a test"})
    found = fetch("key")
    assert found is not None and found.keys() == tensors.keys()
    for name, tensor in tensors.items():
        np.testing.assert_array_equal(found[name], tensor)
    assert fetch("another") is None


def test_digest_sees_names_shapes_types_and_values():
    base = {"a": np.zeros((2, 3), np.float32)}
    others = [
        {"b": base["a"]},
        {"a": base["a"].reshape(3, 2)},
        {"a": base["a"].astype(np.float64)},
        {"a": base["a"] + 1},
    ]
    digests = {digest(tensors) for tensors in [base, *others]}
    assert len(digests) == 5
    assert digest({"a": np.zeros((3, 2), np.float32).T}) == digest(base)


def truncate(path):
    path.write_bytes(path.read_bytes()[:-7])


def flip_a_bit(path):
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(bytes(data))


def empty(path):
    path.write_bytes(b"")


def foreign(path):
    path.write_bytes(b"PK\x03\x04 not ours at all")


@pytest.mark.parametrize("harm", [truncate, flip_a_bit, empty, foreign])
def test_damaged_tensors_are_made_again_with_a_warning(cache, harm):
    digest_before = toy.make_problem(SPEC).digest
    (tensors,) = cache.glob("*.safetensors")
    harm(tensors)
    with pytest.warns(UserWarning, match="making it again"):
        assert toy.make_problem(SPEC).digest == digest_before
    assert toy.make_problem(SPEC).digest == digest_before


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": "other/1"}', "\x00\xff"])
def test_damaged_card_is_made_again_with_a_warning(cache, text):
    digest_before = toy.make_problem(SPEC).digest
    (card,) = cache.glob("*.json")
    card.write_text(text)
    with pytest.warns(UserWarning, match="making it again"):
        assert toy.make_problem(SPEC).digest == digest_before


def test_tensors_of_another_toy_are_refused(cache):
    toy.make_problem(SPEC)
    toy.make_problem(SPEC, seed=1)
    first, second = sorted(cache.glob("*.safetensors"))
    first.write_bytes(second.read_bytes())
    with pytest.warns(UserWarning, match="digest"):
        problems = [toy.make_problem(SPEC, seed=seed) for seed in (0, 1)]
    assert problems[0].digest != problems[1].digest


def test_card_states_the_spec(cache):
    toy.make_problem(SPEC, seed=5)
    (card,) = cache.glob("*.json")
    content = json.loads(card.read_text())
    assert content["spec"]["seed"] == 5
    assert content["spec"]["source"]["d"] == 2


def test_directory_that_cannot_be_written_costs_only_a_warning(tmp_path, monkeypatch):
    blocker = tmp_path / "a file"
    blocker.write_text("in the way")
    monkeypatch.setenv("UNFOLD_CACHE", str(blocker / "cache"))
    with pytest.warns(UserWarning, match="UNFOLD_CACHE"):
        problem = toy.make_problem(SPEC)
    assert problem.observed.train.shape == (50, 2)


def test_cache_directory_follows_the_platform(monkeypatch, tmp_path):
    assert cache_directory() == tmp_path
    monkeypatch.delenv("UNFOLD_CACHE")
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert str(cache_directory()) == "/somewhere/unfold"


def _store_again(directory: str) -> None:
    os.environ["UNFOLD_CACHE"] = directory
    for _ in range(100):
        store("shared", {"W": np.arange(20_000.0)}, {})


def test_readers_never_see_half_a_file(cache):
    store("shared", {"W": np.arange(20_000.0)}, {})
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_store_again, args=(str(cache),)) for _ in range(2)]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        found = fetch("shared")
        assert found is not None and len(found["W"]) == 20_000
    assert [writer.exitcode for writer in writers] == [0, 0]
    assert len(list(cache.iterdir())) == 2


def test_what_other_code_trained_is_trained_again(cache, monkeypatch):
    toy.make_problem(SPEC, 0)
    toy.make_problem(SPEC, 0)
    assert len(list(cache.glob("*.safetensors"))) == 1
    monkeypatch.setattr("toy.world.code_version", lambda: "other")
    toy.make_problem(SPEC, 0)
    assert len(list(cache.glob("*.safetensors"))) == 2
