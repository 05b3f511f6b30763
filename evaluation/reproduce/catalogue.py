"""All experiments, in the order of the page."""

from evaluation.reproduce.experiments import (
    autoencoders,
    computation,
    correlated,
    dynamics,
    geometry,
    hardening,
    memorisation,
    neurons,
    nonlinear,
    phase_diagrams,
    superposition,
    unfolding_evidence,
    unfolding_models,
    unfolding_routes,
    uniform,
)

EXPERIMENTS = (
    *superposition.EXPERIMENTS,
    *phase_diagrams.EXPERIMENTS,
    *geometry.EXPERIMENTS,
    *uniform.EXPERIMENTS,
    *hardening.EXPERIMENTS,
    *correlated.EXPERIMENTS,
    *dynamics.EXPERIMENTS,
    *neurons.EXPERIMENTS,
    *memorisation.EXPERIMENTS,
    *autoencoders.EXPERIMENTS,
    *computation.EXPERIMENTS,
    *nonlinear.EXPERIMENTS,
    *unfolding_models.EXPERIMENTS,
    *unfolding_evidence.EXPERIMENTS,
    *unfolding_routes.EXPERIMENTS,
)
