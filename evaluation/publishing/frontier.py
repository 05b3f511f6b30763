"""What nobody has solved: of each problem of the frontier the best known, by whom, at what cost.

Data with sources. Scores of others are in their own metrics and on their own draw of a world; what
differs is said.
"""

from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Frontier:
    """An unsolved problem.

    Attributes
    ----------
    problem : str
        Its id in the zoo.
    best_known : str
        The best score outside of this project, or that there is none, and in which metric.
    by, budget, source : str
        Whose it is, what it took, where it is written.
    differs : str
        What keeps that score from being compared with a row of the board.
    attainable : float
        The best ``f1@0.9`` that any method can expect: below 1 where some features cannot be
        identified.
    why : str
        Why no more is attainable; empty where it is 1.
    progress : str
        What would count.
    """

    problem: str
    best_known: str
    by: str
    budget: str
    source: str
    differs: str
    progress: str
    attainable: float = 1.0
    why: str = ""

    def facts(self) -> dict[str, str | float]:
        """Return all but the problem's name, without what is empty."""
        return {k: v for k, v in asdict(self).items() if k != "problem" and v != ""}


_NONE = "no published score"

_ENTRIES = (
    Frontier(
        "tree-4096in512/v1",
        _NONE,
        "",
        "",
        "",
        "A quarter of SynthSAEBench's features in two thirds of its dimensions, same laws.",
        "f1@0.9 above .96 told nothing, or .94 within a minute on two cores.",
    ),
    Frontier(
        "tree-16384in768/v1",
        "width 16,384: F1 .878, MCC .861; width 4,096: F1 .989",
        "chanind-goodfire (JumpReLU autoencoder, straight-through to the input); bigsnarfdude "
        "(Matryoshka sorted by frequency, one ISTA step in the encoder)",
        "200 million samples a run, some 20 minutes on an H100; 209 and 135 runs were tried",
        "Hugging Face, chanind-goodfire/synthsaebench-full-width-sweep; gist d5e38c5a of "
        "bigsnarfdude, 2026-03-15; SynthSAEBench, arXiv 2602.14687",
        "Theirs are on version 1 of the published world, in sae_lens' metrics, told the number; "
        "this is the same parameters, another draw, 50,000 samples, scored one-to-one.",
        "f1@0.9 above .88 within the limit, told nothing.",
    ),
    Frontier(
        "hierarchy-1024in256-depth3-branching4-high0.4-low0.002-alone0-noise0.1-samples120000/v1",
        _NONE,
        "",
        "",
        "",
        "Trees of depth 3 with noise of a tenth of an active feature on every coordinate.",
        "f1@0.9 above .9: what finds trees without noise drifts with it.",
    ),
    Frontier(
        "independent-96in48-p0.5-samples200000/v1",
        _NONE,
        "",
        "",
        "",
        "Half of all features are active in every sample, beyond the dimensions in which "
        "fifth-order cumulants fit into memory.",
        "f1@0.9 above .5. Recovery at near-linear sparsity has a proof (SPORADIC, arXiv "
        "2210.10855), and no implementation that we know of.",
    ),
    Frontier(
        "exactly-100in47-active10-samples2500/v1",
        "MCC of codes .951 in distribution, .945 out of it",
        "shrutij01, compositional-sparse-ood (dictionary learning with FISTA)",
        "2,500 samples, number of features and of active ones told, mean of 3 seeds",
        "arXiv 2603.28744, results/exp_vary_latents.json",
        "Theirs is the correlation of codes, not of directions, and told the number.",
        "f1@0.9 above .9 told nothing.",
    ),
    Frontier(
        "independent-160in20-p0.05-noise0.02-samples100000/v1",
        _NONE,
        "",
        "",
        "",
        "Eight features a dimension, eight active at once, with noise.",
        "f1@0.9 above .9.",
    ),
    Frontier(
        "hierarchy-60in20-depth1-alone0-constant/v1",
        _NONE,
        "",
        "",
        "",
        "Every active feature is 1 and no parent is ever active alone.",
        "f1@0.9 at the attainable value, with no atom that is not one of those that can be found.",
        attainable=0.566,
        why="A parent and its child are always seen as their sum: any vector moved from the "
        "parent to all of its children gives the same activations. 21 sums and 32 free features "
        "can be found, a sum is within .9 of no feature, and f1@0.9 of all that can be found is "
        "2 x 32 / (60 + 53).",
    ),
)

#: By problem id.
FRONTIER = {entry.problem: entry for entry in _ENTRIES}
