"""All experiments, in the order of the page."""

from evaluation.reproduce import geometry, phase_diagrams, superposition

EXPERIMENTS = (
    *superposition.EXPERIMENTS,
    *geometry.EXPERIMENTS,
    *phase_diagrams.EXPERIMENTS,
)
