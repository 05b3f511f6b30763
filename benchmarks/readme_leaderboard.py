"""Put the board of a results folder between the markers of the README.

python benchmarks/readme_leaderboard.py results/leaderboard
"""

import sys
from pathlib import Path

import evaluation
from evaluation.boards.leaderboard import board
from evaluation.report.markdown import escape
from evaluation.report.verdict import verdicts
from evaluation.running.store import load_records

SUITE = "leaderboard-v2"
BEGIN, END = "<!-- leaderboard:begin -->\n", "<!-- leaderboard:end -->"
COLUMNS = {
    "method": "method",
    "skill": "skill",
    "f1@0.9": "f1@.9",
    "f1@0.99": "f1@.99",
    "worst_cosine": "worst cosine",
    "mcc": "MCC",
    "n_features_error": "count error",
}


def main(results: str) -> None:
    ranked = board(load_records(results))
    suite = evaluation.get_suite(SUITE)
    lines = [
        f"`{suite.name}`: {len(suite.problems)} problems, number of features unknown "
        f"to the methods (track `blind`); means over problems. "
        f"{escape(verdicts(ranked)['blind'])}\n"
    ]
    shown = {column: title for column, title in COLUMNS.items() if column in ranked.table}
    lines.append("| " + " | ".join(shown.values()) + " |")
    lines.append("|" + "---|" * len(shown))
    for row in ranked.tracks["blind"].table.to_dict("records"):
        cells = [f"{row[c]:.2f}" if isinstance(row[c], float) else str(row[c]) for c in shown]
        lines.append("| " + " | ".join(cells) + " |")
    readme = Path("README.md")
    text = readme.read_text()
    before, after = text.split(BEGIN)[0], text.split(END)[1]
    readme.write_text(before + BEGIN + "\n".join(lines) + "\n" + END + after)


if __name__ == "__main__":
    main(sys.argv[1])
