"""Unfold the toy models: the larger model without superposition, and its circuits."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from evaluation.reproduce import style
from evaluation.reproduce.experiment import Experiment, Fact, Outcome, check
from evaluation.reproduce.training import features, grow
from evaluation.scoring.unfolding_quality import Toy, UnfoldingStudy, study_unfolding
from toy.models.networks import AbsoluteValueModel, Model, TiedModel
from toy.randomness import stream
from unfold.registry import get_method
from unfold.unfolding.circuits import AsymmetricMotif, asymmetric_motifs

SAMPLES, HELD_OUT = 20_000, 4000


def unfold_toy(
    model: Model, p: float, method: str, importance: float = 1.0, *, steps: int, restarts: int = 2
) -> tuple[Toy, UnfoldingStudy, np.ndarray]:
    """Train a toy, hand its hidden activations to a method, unfold; also return test features."""
    signed = isinstance(model, AbsoluteValueModel)
    magnitude = {"kind": "uniform", "low": -1.0 if signed else 0.0, "high": 1.0}
    world = features(model.n_features, {"p": p}, magnitude=magnitude)
    grown = grow(
        model,
        [world],
        importance ** np.arange(model.n_features),
        restarts=restarts,
        steps=steps,
        lr=5e-3,
        schedule="cosine",
    )
    params = {name: value[0] for name, value in grown.params.items()}
    toy = Toy.from_params(params, rectified=model.rectified, signed=signed)
    train, test = (
        world.sample(n, stream(0, "unfold", name)).toarray()
        for n, name in ((SAMPLES, "train"), (HELD_OUT, "test"))
    )
    return toy, study_unfolding(toy, get_method(method)(random_state=0), train, test), test


def three_models(full: bool) -> Outcome:
    """Unfold ReLU-output, hidden-ReLU and absolute-value models from hidden activations alone."""
    steps = 10_000 if full else 2500
    plans = {
        "ReLU output, 30 in 10": (TiedModel(30, 10), 0.04, "recover", 1.0),
        "hidden ReLU, 16 in 10": (TiedModel(16, 10, hidden_relu=True), 0.05, "recover", 0.9),
        "absolute value, 10 in 8": (AbsoluteValueModel(10, 8), 0.03, "recover", 0.9),
    }
    studies = {}
    for name, (model, p, method, importance) in plans.items():
        _, studies[name], _ = unfold_toy(
            model, p, method, importance, steps=steps, restarts=8 if full else 2
        )
    return Outcome(
        _facts_of_models(studies),
        _draw_models(studies),
        {
            name: {
                "report": vars(study.report),
                "cleaned": vars(study.report_clean),
                "rays": study.n_rays,
                "found": study.n_found,
                "drive the right output": study.n_right,
                "atoms": study.model.n_features,
            }
            for name, study in studies.items()
        },
    )


def _facts_of_models(studies: Mapping[str, UnfoldingStudy]) -> list[Fact]:
    reports = [study.report for study in studies.values()]
    cleaned = [study.report_clean for study in studies.values()]
    tied, tied_clean = reports[0], cleaned[0]
    return [
        check(
            "fidelity",
            "A model whose hidden layer is the unfolded features does what the original does",
            published="enumerating features and unfolding activations are equivalent",
            ours="; ".join(
                f"{name}: {report.fidelity:.1%} of the variance"
                for name, report in zip(studies, reports, strict=True)
            ),
            holds=tied.fidelity >= 0.98 and min(report.fidelity for report in reports) >= 0.9,
            why="98% where activations are linear in features, 90% behind a hidden ReLU",
        ),
        check(
            "interference",
            "Unfolded, features no longer interfere",
            published="the larger model has no superposition",
            ours="leaked energy "
            + "; ".join(
                f"{report.interference_folded:.2f} folded, "
                f"{report.interference_unfolded:.2f} unfolded"
                for report in reports
            ),
            holds=all(
                report.interference_unfolded < 0.05 * report.interference_folded
                for report in reports
            ),
            why="off-diagonal energy falls to less than a twentieth in each model",
        ),
        check(
            "clean",
            "Without the interference the ReLU model does its task better than the original",
            published="superposition is a cost that the original pays for being small",
            ours=f"squared error {tied.error_original:.4f} as trained, "
            f"{tied.error_unfolded:.4f} unfolded, {tied_clean.error_unfolded:.4f} cleaned",
            holds=tied_clean.error_unfolded < 0.8 * tied.error_original,
            why="cleaning, which never sees ideal outputs, removes a fifth of the error",
        ),
    ]


def _draw_models(studies: Mapping[str, UnfoldingStudy]) -> Figure:
    figure, axes = style.panels(len(studies), 3, width=9.0, height=2.7 * len(studies))
    for row, (name, study) in zip(axes, studies.items(), strict=True):
        order = np.argsort(study.circuit.drives, kind="stable")
        D = np.asarray(study.model.method.components_, float)[order]
        mean = np.asarray(study.model.method.mean_, float)
        response = study.model.codes(D + mean)[:, order]
        style.heat_map(row[0], D @ D.T, f"{name}\nfolded: inner products")
        style.heat_map(row[1], response, "unfolded: codes of pure features")
        labels = ["as trained", "unfolded", "cleaned"]
        errors = [
            study.report.error_original,
            study.report.error_unfolded,
            study.report_clean.error_unfolded,
        ]
        row[2].bar(labels, errors, color=[style.GREY, style.BLUE, style.TEAL], width=0.6)
        row[2].set(ylabel="squared error at the ideal task")
        row[2].set_title(f"fidelity {study.report.fidelity:.3f}", loc="center")
    return figure


def circuits(full: bool) -> Outcome:
    """Read who drives what in the absolute-value model, and its asymmetric motif."""
    _, exact, _ = unfold_toy(AbsoluteValueModel(3, 6), 0.5, "recover", steps=2000, restarts=8)
    toy, study, _ = unfold_toy(
        AbsoluteValueModel(20, 8),
        0.03,
        "recover",
        0.8,
        steps=20_000 if full else 3000,
        restarts=8 if full else 3,
    )
    rays, owner = toy.rays()
    found = study.atom_of_ray >= 0
    atoms = np.asarray(study.model.method.components_, float)[study.atom_of_ray[found]]
    known = asymmetric_motifs(per_unit_of_output(rays, owner, toy), toy.W_out, owner)
    blind = asymmetric_motifs(per_unit_of_output(atoms, owner[found], toy), toy.W_out, owner[found])
    pairs = {(int(owner[motif.source]), motif.victim) for motif in known}
    read = {(int(owner[found][motif.source]), motif.victim) for motif in blind}
    strongest = known[0] if known else None
    return Outcome(
        [
            check(
                "exact",
                "With a neuron for each sign, two features a value drive its output, and no other",
                published="ReLU(x) + ReLU(-x), one neuron each",
                ours=f"{exact.n_right} of {exact.n_rays} rays found and driving the right output "
                f"by {int(exact.circuit.edges.sum())} edges; "
                f"squared error of the model {exact.report.error_original:.1e}",
                holds=exact.n_right == exact.n_rays == 6 and int(exact.circuit.edges.sum()) == 6,
                why="all six and six edges, from hidden activations alone",
            ),
            check(
                "drives",
                "In superposition, feature i drives output i",
                published="the model computes absolute values of more features than fit",
                ours=f"{study.n_rays} rays in {toy.W_in.shape[1]} neurons: {study.n_found} found, "
                f"{study.n_right} drive the right output",
                holds=study.n_right >= 0.8 * study.n_rays > 0.8 * toy.W_in.shape[1],
                why="more rays than neurons, at least 80% found and driving the right output",
            ),
            *_facts_of_motifs(pairs, read, strongest),
        ],
        _draw_circuits(toy, study, owner, strongest),
        {"known": sorted(pairs), "read": sorted(read)},
    )


def _facts_of_motifs(
    pairs: set[tuple[int, int]], read: set[tuple[int, int]], strongest: AsymmetricMotif | None
) -> list[Fact]:
    agreed = len(pairs & read)
    return [
        check(
            "asymmetric",
            "Asymmetric superposition: one feature interferes, the other does not, and a "
            "second neuron turns the interference negative",
            published="in-weights [2, -1/2], out-weights [1/2, 2], and an inhibiting neuron",
            ours="none"
            if strongest is None
            else f"{len(pairs)} pairs; the strongest interferes {strongest.forward:+.2f} "
            f"forward, {strongest.reverse:+.2f} back, {strongest.net:+.2f} in all",
            holds=strongest is not None and strongest.net < 0.1 * strongest.forward,
            why="at least one pair, of which inhibition deletes nine tenths or more",
        ),
        check(
            "asymmetric-blind",
            "The motif can be read from unfolded features, without knowing the inputs",
            published="(a consequence)",
            ours=f"{agreed} of {len(pairs)} pairs read blindly, {len(read - pairs)} others",
            holds=agreed >= 0.6 * max(len(pairs), len(read)) > 0,
            why="at least 60% of the pairs known, and of those read",
        ),
    ]


def per_unit_of_output(rays: np.ndarray, owner: np.ndarray, toy: Toy) -> np.ndarray:
    """Return rays (k, m) in lengths that raise their own output by 1."""
    own = np.sum(rays * toy.W_out[:, owner].T, axis=1)
    return rays / np.maximum(np.abs(own), 1e-9)[:, None]


def _draw_circuits(
    toy: Toy, study: UnfoldingStudy, owner: np.ndarray, motif: AsymmetricMotif | None
) -> Figure:
    found = np.flatnonzero(study.atom_of_ray >= 0)
    found = found[np.argsort(owner[found], kind="stable")]
    atoms = study.atom_of_ray[found]
    figure, [axes] = style.panels(1, 3, width=9.0, height=3.2)
    weights, effects = study.circuit.weights[atoms], study.circuit.effects[atoms]
    style.heat_map(axes[0], weights, "weights: feature on output", scale=np.abs(weights).max())
    style.heat_map(axes[1], effects, "effects, after the ReLU", scale=np.abs(effects).max())
    for panel in axes[:2]:
        panel.set(xlabel="outputs", ylabel="features found, both signs")
    if motif is not None:
        rays, _ = toy.rays()
        scaled = per_unit_of_output(rays, owner, toy)
        carried = scaled[motif.source] * toy.W_out[:, motif.victim]
        victims = np.flatnonzero(owner == motif.victim)
        back = scaled[victims].sum(axis=0) * toy.W_out[:, owner[motif.source]]
        place = np.arange(len(carried))
        axes[2].bar(place - 0.2, carried, 0.4, color=style.ORANGE, label="source on victim")
        axes[2].bar(place + 0.2, back, 0.4, color=style.BLUE, label="victim on source")
        axes[2].axhline(0, color=style.INK, lw=0.6)
        axes[2].set(xlabel="neuron", ylabel="interference carried")
        axes[2].set_title("asymmetric superposition", loc="center")
        axes[2].legend()
    return figure


EXPERIMENTS = (
    Experiment(
        "unfold-models",
        "Unfolding three toy models",
        "Elhage et al. 2022, strategic picture",
        "Trained toys; a method sees hidden activations alone and returns features; the toy is "
        "read in their basis, and the larger model compared with it.",
        three_models,
    ),
    Experiment(
        "unfold-circuits",
        "Circuits between unfolded features",
        "Elhage et al. 2022, computation in superposition",
        "Absolute-value models of 3 values in 6 neurons and 20 in 8 (density .03, importance "
        ".8^i); weights between features found blindly and outputs.",
        circuits,
    ),
)
