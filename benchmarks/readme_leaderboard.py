"""Put the main board between the markers of the README.

python benchmarks/readme_leaderboard.py                       # from what is published
python benchmarks/readme_leaderboard.py results/leaderboard   # from a run of one's own
"""

import sys
from pathlib import Path

import evaluation
from evaluation.boards.leaderboard import board
from evaluation.publishing.files import read_published
from evaluation.report.markdown import escape
from evaluation.report.verdict import verdicts
from evaluation.running.record import Record
from evaluation.running.store import load_records
from evaluation.scoring.controls import CONTROLS

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


def read(results: str | None) -> list[Record]:
    """Return the records of the suite's own methods, of a folder or published."""
    if results is not None:
        return load_records(results)
    wanted = {*evaluation.get_suite(SUITE).methods, *CONTROLS}
    published = read_published("leaderboards", SUITE)[SUITE]
    return [record for record in published if record.method in wanted]


def machine(records: list[Record]) -> str:
    """Return where records were measured, and what that changes."""
    places = {f"{r.environment.get('cpu')}, {r.environment.get('n_cpus')} cores" for r in records}
    return (
        f"Measured on {' and '.join(sorted(places))}. Another processor or library rounds "
        f"otherwise, and a faster one gets further within a time limit: `make leaderboard` need "
        f"not give the same digits there."
    )


def main(results: str | None) -> None:
    records = read(results)
    ranked = board(records)
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
    lines.append("\n" + machine(records))
    readme = Path("README.md")
    text = readme.read_text()
    before, after = text.split(BEGIN)[0], text.split(END)[1]
    readme.write_text(before + BEGIN + "\n".join(lines) + "\n" + END + after)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else None)
