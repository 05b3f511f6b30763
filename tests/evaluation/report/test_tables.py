"""Boards for pandas and for papers: the numbers of the CSV, in parquet and LaTeX."""

import io

import numpy as np
import pandas as pd

from evaluation.boards.leaderboard import board
from evaluation.report.tables import cells_csv, cells_parquet, leaderboard_tex


def test_parquet_has_the_rows_of_the_csv(records):
    ranked = board(records())
    from_parquet = pd.read_parquet(io.BytesIO(cells_parquet(ranked)))
    from_csv = pd.read_csv(io.StringIO(cells_csv(ranked)), keep_default_na=False)
    assert list(from_parquet.columns) == list(from_csv.columns)
    assert list(from_parquet["key"]) == list(from_csv["key"])
    skill = pd.to_numeric(from_csv["skill"]).to_numpy(float)
    np.testing.assert_allclose(from_parquet["skill"].to_numpy(float), skill, rtol=1e-8)


def test_latex_escapes_names_and_has_a_row_a_method(records):
    rows = [
        r.model_copy(update={"method": r.method.replace("alpha", r"a_b&c%\x")}) for r in records()
    ]
    ranked = board(rows)
    text = leaderboard_tex(ranked)
    tracks = ranked.table["track"].nunique()
    assert text.count(r"\begin{tabular}") == text.count(r"\end{tabular}") == tracks
    assert r"a\_b\&c\%\textbackslash x" in text
    body = [line for line in text.splitlines() if line.endswith(r"\\")]
    assert len(body) == len(ranked.table) + tracks
    assert {line.count(" & ") for line in body} == {7}
