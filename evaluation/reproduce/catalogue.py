"""All experiments, in the order of the page."""

from evaluation.reproduce import (
    computation,
    correlated,
    dynamics,
    geometry,
    memorisation,
    neurons,
    phase_diagrams,
    superposition,
    uniform,
)

EXPERIMENTS = (
    *superposition.EXPERIMENTS,
    *phase_diagrams.EXPERIMENTS,
    *geometry.EXPERIMENTS,
    *uniform.EXPERIMENTS,
    *correlated.EXPERIMENTS,
    *dynamics.EXPERIMENTS,
    *neurons.EXPERIMENTS,
    *memorisation.EXPERIMENTS,
    *computation.EXPERIMENTS,
)
