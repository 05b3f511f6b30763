"""Running experiments: choice, resumption, the page, and bad requests."""

import json

import numpy as np
import pytest

from evaluation.reproduce import Fact, experiment, list_experiments, reproduce, runner, style
from evaluation.reproduce.catalogue import EXPERIMENTS

QUICK = "decomposition-scores"


def test_ids_are_unique_and_every_experiment_is_described():
    ids = list_experiments()
    assert len(ids) == len(set(ids)) >= 20
    for one in EXPERIMENTS:
        assert one.title and one.source and len(one.setup) > 40


def test_one_experiment_leaves_a_page_a_table_and_its_figure(tmp_path):
    facts = reproduce(QUICK, out=tmp_path, progress=False)
    assert [fact.verdict for fact in facts] == ["holds"]
    table = json.loads((tmp_path / "reproduction.json").read_text())
    assert set(table[0]) == {"id", "fact", "published", "ours", "verdict", "why", "seconds"}
    assert table[0]["id"] == f"{QUICK}/scores"
    page = (tmp_path / "reproduction.html").read_text()
    assert f'id="{QUICK}"' in page
    assert f'href="#{QUICK}"' in page
    assert "data:image/png;base64," in page
    assert "http://" not in page
    assert "https://" not in page
    assert (tmp_path / f"{QUICK}.png").read_bytes().startswith(b"\x89PNG")


def test_finished_experiments_are_kept_and_broken_ones_run_again(tmp_path, monkeypatch):
    first = reproduce(QUICK, out=tmp_path, progress=False)
    calls = []

    def count(one, *rest):
        calls.append(one.id)
        return original(one, *rest)

    original = runner._run_one
    monkeypatch.setattr(runner, "_run_one", count)
    assert reproduce(QUICK, out=tmp_path, progress=False) == first
    assert calls == []
    kept = tmp_path / f"{QUICK}.json"
    kept.write_text(kept.read_text()[:-40])
    again = reproduce(QUICK, out=tmp_path, progress=False)
    assert calls == [QUICK]
    assert [fact.ours for fact in again] == [fact.ours for fact in first]


def test_an_interrupted_run_keeps_what_was_finished(tmp_path, monkeypatch):
    def stop(full):
        raise KeyboardInterrupt

    chosen = runner._choose([QUICK])
    broken = experiment.Experiment("never", "Never", "nowhere", "It stops.", stop)
    with pytest.raises(KeyboardInterrupt):
        runner._run_all([*chosen, broken], tmp_path, False, lambda *_: None)
    assert runner._load(tmp_path, chosen[0], False)
    assert runner._load(tmp_path, broken, False) is None


def test_progress_is_reported_before_each_and_at_the_end(tmp_path):
    seen = []
    reproduce([QUICK], out=tmp_path, progress=lambda *state: seen.append(state))
    assert seen == [("Scores of parameter decomposition", 0, 1), ("", 1, 1)]


def test_results_stay_valid_when_sources_change_during_a_run(tmp_path, monkeypatch):
    reproduce(QUICK, out=tmp_path, progress=False)
    monkeypatch.setattr(runner.Path, "read_bytes", lambda path: b"edited")
    assert runner._load(tmp_path, runner._choose([QUICK])[0], False)
    runner._version.cache_clear()
    assert runner._load(tmp_path, runner._choose([QUICK])[0], False) is None
    runner._version.cache_clear()


def test_figures_hold_their_titles_whole(tmp_path):
    from matplotlib.image import imread

    figure, axes = style.panels(1, 6, width=11, height=2.2)
    for ax in axes[0]:
        style.vectors(ax, np.eye(2), "density\ncollapsed")
    style.save(figure, tmp_path / "figure.png")
    pixels = imread(tmp_path / "figure.png")[..., :3]
    for edge in (pixels[:6], pixels[-6:], pixels[:, :6], pixels[:, -6:]):
        assert (edge == 1).all()


def test_published_and_reduced_sizes_are_kept_apart():
    one = EXPERIMENTS[0]
    assert runner._version(one, True) != runner._version(one, False)


def test_an_unknown_experiment_is_refused_with_the_nearest_name(tmp_path):
    with pytest.raises(ValueError, match=r"'phase-21'.*did you mean 'phase-2-1'"):
        reproduce("phase-21", out=tmp_path, progress=False)
    assert not list(tmp_path.iterdir())


def test_facts_that_miss_their_test_differ():
    fact = experiment.check("x", "f", published="1", ours="2", holds=False, why="w")
    assert fact == Fact("x", "f", "1", "2", "differs", "w")
