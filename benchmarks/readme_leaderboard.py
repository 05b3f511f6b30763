"""Put the board of a results folder between the markers of the README.

python benchmarks/readme_leaderboard.py results/leaderboard
"""

import sys
from pathlib import Path

import evaluation

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
    board = evaluation.leaderboard(results)
    suite = evaluation.get_suite("leaderboard-v1")
    lines = [
        f"`{suite.name}`: {len(suite.problems)} problems, number of features unknown "
        "to the methods (track `blind`); means over problems.\n"
    ]
    shown = {column: title for column, title in COLUMNS.items() if column in board}
    told = board[board["track"] == "informed"].set_index("method")["skill"]
    lines.append("| " + " | ".join([*shown.values(), "skill when told the number"]) + " |")
    lines.append("|" + "---|" * (len(shown) + 1))
    for row in board[board["track"] == "blind"].to_dict("records"):
        cells = [f"{row[c]:.2f}" if isinstance(row[c], float) else str(row[c]) for c in shown]
        cells.append(f"{told[row['method']]:.2f}")
        lines.append("| " + " | ".join(cells) + " |")
    readme = Path("README.md")
    text = readme.read_text()
    before, after = text.split(BEGIN)[0], text.split(END)[1]
    readme.write_text(before + BEGIN + "\n".join(lines) + "\n" + END + after)


if __name__ == "__main__":
    main(sys.argv[1])
