"""Hidden units of a network that reads digits: made here, scored as texts are."""

from pathlib import Path

import numpy as np

import evaluation
from evaluation.boards.real import real_board
from evaluation.real.digits import SHIFTS, load_digits_layer, shifted


def test_images_move_and_nothing_comes_in() -> None:
    image = np.arange(64.0).reshape(1, 8, 8)
    for down, right in SHIFTS:
        moved = shifted(image, down, right)
        expected = np.roll(image, (down, right), axis=(1, 2))
        kept = shifted(np.ones_like(image), down, right) > 0
        np.testing.assert_array_equal(moved[kept], expected[kept])
        assert not moved[~kept].any() and (~kept).sum() == 8 * (abs(down) + abs(right))


def test_an_image_and_its_shifts_are_one_text_and_every_digit_a_task() -> None:
    parts, tasks, _ = load_digits_layer()
    assert [task.name for task in tasks] == [f"label 0 is {i}" for i in range(10)]
    for rows in parts.values():
        assert set(np.diff(rows.starts)) == {5} and (rows.X >= 0).all()
        digits = rows.tokens.reshape(-1, 5)
        assert (digits == digits[:, :1]).all()


def test_the_network_reads_digits(tmp_path: Path) -> None:
    evaluation.run(
        ["digits-hidden-k128/v1"], ["data-points", "random"], seeds="0:2", out=tmp_path,
        tracks=["informed"], n_jobs=1,
    )  # fmt: skip
    table = real_board(tmp_path).table.set_index("method")
    assert table.loc["control:oracle", "probe@5"] > 0.97
    assert table.loc["data-points", "skill"] > table.loc["random", "skill"]
