"""Reproduce the published experiments on toy models: train, draw, and check every fact."""

from evaluation.reproduce.experiment import Fact
from evaluation.reproduce.runner import list_experiments, reproduce

__all__ = ["Fact", "list_experiments", "reproduce"]
