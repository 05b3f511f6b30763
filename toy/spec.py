"""Specs: validated JSON descriptions of problems; a spec and a seed determine every bit."""

import hashlib
import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, model_validator

from toy.feature_spec import FeaturesSpec, PerFeature, Spec


class TrainingSpec(Spec):
    """How a model is trained; the paper's loss, AdamW, fresh data at every step."""

    steps: int = Field(default=10_000, ge=1)
    batch: int = Field(default=1024, ge=1)
    lr: float = Field(default=1e-3, gt=0)
    schedule: Literal["constant", "linear", "cosine"] = "constant"
    weight_decay: float = Field(default=0.01, ge=0)
    restarts: int = Field(default=1, ge=1)
    init_std: float | None = Field(default=None, gt=0)


class TrainedSpec(Spec):
    """Activations are the hidden layer of a trained toy model."""

    kind: Literal["trained"] = "trained"
    model: Literal["linear", "relu-output"] = "relu-output"
    d: int = Field(ge=1)
    importance: PerFeature = 1.0
    training: TrainingSpec = TrainingSpec()


class PlantedSpec(Spec):
    """Activations are sparse combinations of random unit directions."""

    kind: Literal["planted"] = "planted"
    d: int = Field(ge=1)
    bias: float = Field(default=0.0, ge=0)


class ProblemSpec(Spec):
    """A whole problem: features, what turns them into activations, noise, sizes."""

    features: FeaturesSpec
    source: Annotated[TrainedSpec | PlantedSpec, Field(discriminator="kind")]
    noise: float = Field(default=0.0, ge=0)
    n_train: int = Field(default=50_000, ge=1)
    n_test: int = Field(default=5_000, ge=1)
    about: str = ""

    @model_validator(mode="after")
    def _importance(self) -> "ProblemSpec":
        if isinstance(self.source, TrainedSpec) and isinstance(self.source.importance, tuple):
            given = len(self.source.importance)
            if given != self.features.n:
                raise ValueError(f"importance has {given} weights for {self.features.n} features")
        return self


def parse(data: Mapping[str, Any]) -> ProblemSpec:
    """Return the validated spec.

    Raises
    ------
    ValueError
        In one message, everything that is wrong with it, with the path to each fault.
    """
    try:
        return ProblemSpec.model_validate(dict(data))
    except ValidationError as error:
        faults = [
            f"  {'.'.join(str(part) for part in fault['loc']) or 'spec'}: "
            f"{fault['msg'].removeprefix('Value error, ')} (given: {_shorten(fault['input'])})"
            for fault in error.errors()
        ]
        raise ValueError("This problem spec is not valid:\n" + "\n".join(faults)) from None


def _shorten(value: Any) -> str:
    """Return a representation of at most 60 characters."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def fingerprint(data: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a JSON value, blind to the order of keys."""
    text = json.dumps(data, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
