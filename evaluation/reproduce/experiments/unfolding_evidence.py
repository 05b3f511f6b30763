"""What unfolding is worth as evidence: features detected, and enumeration certified."""

from itertools import product

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from scipy.stats import binom

from evaluation.reproduce import style
from evaluation.reproduce.experiment import Experiment, Outcome, check
from evaluation.scoring.certificate_calibration import calibrate
from evaluation.scoring.detection_quality import detection_table
from toy.make import make_problem

DIMENSION = 20
FEATURES = (10, 20, 40, 60, 80)
DENSITIES = (0.02, 0.05, 0.1)
#: Density up to which the facts are stated, and features a dimension without superposition.
SPARSE, NO_SUPERPOSITION = 0.05, 0.5
CALIBRATED = ("planted-16in8-p0.08/v1", "planted-30in10-p0.05/v1", "planted-40in20-p0.05/v1")


def detection(full: bool) -> Outcome:
    """Detect features by cosine similarity and by unfolded codes, at every load and density."""
    rows = []
    for p in DENSITIES:
        for k in FEATURES:
            problem = make_problem(
                {
                    "id": f"planted-{k}in{DIMENSION}-p{p}/v1",
                    "n_train": 1,
                    "n_test": 20_000 if full else 3000,
                }
            )
            table = detection_table(problem, n=len(problem.observed.test))
            for reading, group in table.groupby("reading"):
                rows.append(
                    {
                        "p": p,
                        "load": k / DIMENSION,
                        "reading": reading,
                        "auroc": group["auroc"].mean(),
                        "false_alarms": group["false_alarms"].mean(),
                    }
                )
    table = pd.DataFrame(rows)
    sparse = table[table["p"] <= SPARSE]
    alone = sparse[sparse["load"] == NO_SUPERPOSITION].groupby("reading")["false_alarms"].mean()
    loaded = sparse[sparse["load"] == 4].groupby("reading")["false_alarms"].mean()
    codes = sparse[sparse["reading"] == "codes"]
    return Outcome(
        [
            check(
                "similarity-fails",
                "In superposition, a high cosine with a feature's direction does not mean that the "
                "feature is active",
                published="other features can produce it by interference",
                ours=f"false alarms at 95% recall, densities up to .05: {alone['cosine']:.0%} at "
                f"half a feature a dimension, {loaded['cosine']:.0%} at four",
                holds=loaded["cosine"] > 0.4 > 0.2 > alone["cosine"],
                why="under 20% out of superposition, over 40% in it",
            ),
            check(
                "unfolding-repairs",
                "Unfolded codes detect features in superposition",
                published="(a consequence)",
                ours=f"false alarms {loaded['codes']:.1%} at four features a dimension; worst "
                f"AUROC {codes['auroc'].min():.3f}",
                holds=loaded["codes"] < 0.05 and codes["auroc"].min() > 0.97,
                why="under 5% false alarms and AUROC over .97, densities up to .05",
            ),
        ],
        _draw_detection(table),
        {"table": table.round(4).to_dict("records")},
    )


def _draw_detection(table: pd.DataFrame) -> Figure:
    figure, [axes] = style.panels(1, 2, width=8.0, height=3.9)
    marks = dict(zip(DENSITIES, ("o", "s", "^"), strict=True))
    colors = {"cosine": style.ORANGE, "codes": style.BLUE}
    names = {"cosine": "cosine similarity", "codes": "unfolded codes"}
    for reading, p in product(colors, DENSITIES):
        group = table[(table["reading"] == reading) & (table["p"] == p)]
        label = f"{names[reading]}, density {p:g}"
        for panel, column in zip(axes, ("auroc", "false_alarms"), strict=True):
            panel.plot(
                group["load"],
                group[column],
                marker=marks[p],
                ms=4.5,
                color=colors[reading],
                label=label,
                alpha=0.9,
            )
    axes[0].set(xlabel="features per dimension", ylabel="AUROC, mean over features")
    axes[1].set(xlabel="features per dimension", ylabel="false alarms at 95% recall")
    axes[1].set_ylim(-0.03, 1)
    lines = axes[0].get_legend_handles_labels()
    figure.legend(*lines, loc="outside lower center", ncols=2, fontsize=7.5)
    return figure


def certificate(full: bool) -> Outcome:
    """Withhold features on purpose, and see whether the bound on unseen ones is right."""
    trials = calibrate(
        CALIBRATED, range(30 if full else 4), (0, 1, 2, 4), n_heldout=2000 if full else 600
    )
    n, hits = len(trials), int(trials["covered"].sum())
    lacking = trials[trials["withheld"] > 0]
    ratio = float((lacking["upper"] / lacking["outside"]).median())
    complete = trials[trials["withheld"] == 0]
    return Outcome(
        [
            check(
                "coverage",
                "An upper bound on the probability that a feature was missed can be certified from "
                "held-out activations",
                published="enumerating features would make statements about all of them possible",
                ours=f"bound right in {hits} of {n} trials at 95% confidence",
                holds=hits >= binom.ppf(0.01, n, 0.95),
                why="no fewer than 95%, less what chance allows once in a hundred",
            ),
            check(
                "tightness",
                "The bound says something",
                published="(a property of the certificate)",
                ours=f"median bound {ratio:.2f} times the truth; "
                f"{complete['upper'].median():.1%} where nothing was missed",
                holds=ratio < 2 and complete["upper"].median() < 0.1,
                why="less than twice the truth, and less than 10% for complete lists",
            ),
        ],
        _draw_certificate(trials),
        {"trials": trials.round(5).to_dict("records")},
    )


def _draw_certificate(trials: pd.DataFrame) -> Figure:
    figure, [axes] = style.panels(1, 2, width=8.0, height=3.2)
    colors = dict(zip(CALIBRATED, (style.TEAL, style.ORANGE, style.BLUE), strict=True))
    top = 1.08 * float(trials["upper"].max())
    axes[0].plot([0, top], [0, top], color=style.FAINT, lw=0.8, ls="--")
    for problem, color in colors.items():
        group = trials[trials["problem"] == problem]
        axes[0].plot(
            group["outside"],
            group["upper"],
            "o",
            ms=4,
            alpha=0.75,
            color=color,
            label=problem.removesuffix("/v1"),
        )
    axes[0].set(
        xlabel="true probability of a direction outside the list",
        ylabel="certified upper bound (95%)",
        xlim=(-0.01, None),
        ylim=(0, top),
    )
    axes[0].legend(loc="lower right")
    slack = (trials["upper"] - trials["outside"]).groupby(trials["withheld"])
    place = np.arange(slack.ngroups)
    axes[1].boxplot(
        [values for _, values in slack],
        positions=place,
        widths=0.5,
        medianprops={"color": style.ORANGE},
    )
    axes[1].axhline(0, color=style.FAINT, lw=0.8, ls="--")
    axes[1].set_xticks(place, labels=[str(withheld) for withheld, _ in slack])
    axes[1].set(xlabel="features withheld", ylabel="bound less truth")
    return figure


EXPERIMENTS = (
    Experiment(
        "unfold-detection",
        "Cosine similarity misleads, unfolded codes do not",
        "Elhage et al. 2022, discussion",
        "Random directions in 20 dimensions, from half a feature to four a dimension; 'is feature "
        "f active?' answered by cosine with its direction, and by its sparse code.",
        detection,
    ),
    Experiment(
        "unfold-certificate",
        "A certificate of enumeration that keeps its word",
        "Elhage et al. 2022, on enumerating features",
        "True dictionaries less 0, 1, 2 or 4 features; unfold.certify on fresh samples.",
        certificate,
    ),
)
