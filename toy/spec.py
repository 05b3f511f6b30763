"""Specs: validated JSON descriptions of problems; a spec and a seed determine every bit."""

import hashlib
import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag, ValidationError, model_validator

from toy.features.spec import (
    DeclaredSpec,
    ExactlySpec,
    FeaturesSpec,
    IndependentSpec,
    PerFeature,
    SetsSpec,
    Spec,
    UniformSpec,
)


class TrainingSpec(Spec):
    """How a model is trained: the paper's loss, AdamW, fresh data at every step.

    Attributes
    ----------
    steps, batch, lr, schedule, weight_decay
        Of AdamW; decay is decoupled.
    restarts : int
        Models trained; the one of least loss is kept.
    init_std : float, optional
        Standard deviation of the starting matrices; Xavier's for one instance unless given.
    l1 : float
        Price of hidden activations, per unit of their absolute sum.
    attack : float
        Adversarial training: each input is moved, by this share of the mean input length, in the
        direction that is worst for a random feature; targets stay clean.
    """

    steps: int = Field(default=10_000, ge=1)
    batch: int = Field(default=1024, ge=1)
    lr: float = Field(default=1e-3, gt=0)
    schedule: Literal["constant", "linear", "cosine"] = "constant"
    weight_decay: float = Field(default=0.01, ge=0)
    restarts: int = Field(default=1, ge=1)
    init_std: float | None = Field(default=None, gt=0)
    l1: float = Field(default=0.0, ge=0)
    attack: float = Field(default=0.0, ge=0)


class ExactSpec(Spec):
    """No samples: L-BFGS on the exact expected loss, where there is one; see `toy.training.exact`.

    Attributes
    ----------
    restarts : int
        Random starts; the one that ends at the least loss is kept.
    """

    kind: Literal["exact"]
    restarts: int = Field(default=8, ge=1)


def _by_name(given: Any) -> Any:
    if not isinstance(given, str):
        return given
    if given not in TRAININGS:
        raise ValueError(f"no training goes by that name; there are {', '.join(TRAININGS)}")
    return TRAININGS[given]


def _way(given: Any) -> str:
    exact = isinstance(given, ExactSpec) or (isinstance(given, Mapping) and "kind" in given)
    return "exact" if exact else "sampled"


#: On samples or exactly; the name of a recipe of `toy.spec` stands for its parts.
AnyTraining = Annotated[
    Annotated[TrainingSpec, Tag("sampled")] | Annotated[ExactSpec, Tag("exact")],
    Discriminator(_way),
    BeforeValidator(_by_name),
]


class TiedSpec(Spec):
    """Linear, ReLU-output and hidden-ReLU models, and the one with a linear layer between."""

    kind: Literal["linear", "relu-output", "hidden-relu", "relu-output-identity"]


class AbsoluteValueSpec(Spec):
    """Absolute values of signed features, computed in superposition."""

    kind: Literal["absolute-value"]


class CompressedSpec(Spec):
    """``ReLU(x) + M x`` of signed features with too few neurons."""

    kind: Literal["compressed"]
    mixing: Literal["none", "embedding", "symmetric", "asymmetric"] = "none"
    sigma: float = Field(default=0.0, ge=0)
    n_embedding: int = Field(default=1000, ge=1)


class ResidualSpec(Spec):
    """``x + ReLU(x)`` of signed features, embedded in a residual stream with one MLP."""

    kind: Literal["residual-mlp"]
    n_embedding: int = Field(default=1000, ge=1)


ModelSpec = Annotated[
    TiedSpec | AbsoluteValueSpec | CompressedSpec | ResidualSpec, Field(discriminator="kind")
]


class TrainedSpec(Spec):
    """Activations are the hidden layer (``d`` wide) of a trained toy model.

    A feature is a ray: the activations that the feature causes by itself. A linear hidden layer
    has one ray a feature, of signed code where values are signed. A rectified one has the ray
    ``ReLU(w)`` and, where values are signed, also ``ReLU(-w)``: two a feature, with codes
    ``max(x, 0)`` and ``max(-x, 0)``. Rays of a rectified layer add up only as long as no
    pre-activation changes sign.

    ``training`` may be the name of a recipe of `toy.spec`, such as "notebook".
    """

    kind: Literal["trained"] = "trained"
    model: ModelSpec
    d: int = Field(ge=1)
    importance: PerFeature = 1.0
    training: AnyTraining = TrainingSpec()

    @model_validator(mode="after")
    def _attack_needs_tied_weights(self) -> "TrainedSpec":
        attack = isinstance(self.training, TrainingSpec) and self.training.attack
        if attack and self.model.kind not in ("linear", "relu-output"):
            raise ValueError("training.attack is known for linear and relu-output models only")
        return self


class PlantedSpec(Spec):
    """Activations are sparse combinations of random directions in ``d`` dimensions.

    Attributes
    ----------
    d : int
    bias : float
        Length of a constant added to all activations.
    orthogonal : bool
        Whether directions are orthonormal.
    coherence : float, optional
        Largest ``|cos|`` between two directions.
    common : float
        Expected cosine between two directions, from one that all share.
    spectrum : float
        How fast directions thin out over dimensions: dimension ``i`` by ``i ** -spectrum``.
    length_spread : float
        Standard deviation of the lengths of feature vectors, around 1.
    """

    kind: Literal["planted"] = "planted"
    d: int = Field(ge=1)
    bias: float = Field(default=0.0, ge=0)
    orthogonal: bool = False
    coherence: float | None = Field(default=None, gt=0, le=1)
    common: float = Field(default=0.0, ge=0, lt=1)
    spectrum: float = Field(default=0.0, ge=0)
    length_spread: float = Field(default=0.0, ge=0)


class SaeLensSpec(Spec):
    """A model of ``sae_lens.synthetic``, with features by its own rules.

    Attributes
    ----------
    config : dict
        As ``SyntheticModelConfig.to_dict`` gives it; its seed is replaced by that of the problem.
    """

    kind: Literal["sae-lens"] = "sae-lens"
    config: dict[str, Any]


class ProblemSpec(Spec):
    """A whole problem: features, what turns them into activations, noise, sizes."""

    features: FeaturesSpec
    source: Annotated[TrainedSpec | PlantedSpec | SaeLensSpec, Field(discriminator="kind")]
    noise: float = Field(default=0.0, ge=0)
    n_train: int = Field(default=50_000, ge=1)
    n_test: int = Field(default=5_000, ge=1)
    about: str = ""

    @model_validator(mode="after")
    def _declared(self) -> "ProblemSpec":
        theirs = isinstance(self.source, SaeLensSpec)
        if theirs != isinstance(self.features.gate, DeclaredSpec):
            raise ValueError('gate "declared" goes with a source "sae-lens", and with no other')
        if isinstance(self.source, SaeLensSpec):
            declared = self.source.config.get("num_features")
            if declared != self.features.n:
                raise ValueError(f"{self.features.n} features, the source has {declared!r}")
        return self

    @model_validator(mode="after")
    def _importance(self) -> "ProblemSpec":
        if not isinstance(self.source, TrainedSpec):
            return self
        importance = self.source.importance
        weights = importance if isinstance(importance, tuple) else (importance,)
        if isinstance(importance, tuple) and len(weights) != self.features.n:
            raise ValueError(
                f"importance has {len(weights)} weights for {self.features.n} features"
            )
        if min(weights) < 0 or not any(weights):
            raise ValueError(f"importance must not be negative, nor all zero, got {min(weights):g}")
        return self

    @model_validator(mode="after")
    def _exact_loss_exists(self) -> "ProblemSpec":
        source = self.source
        if not (isinstance(source, TrainedSpec) and isinstance(source.training, ExactSpec)):
            return self
        if reason := _no_exact_loss(source.model.kind, self.features):
            raise ValueError(
                f"training: no exact loss is known for {reason}. Exact losses are of linear models "
                f"of independent features, and of relu-output models of up to "
                f"{MOST_EXACT_FEATURES} features, independent or in correlated sets, or of exactly "
                f'one active feature; values uniform on [0, 1]. Train on samples: "quick".'
            )
        return self


def _no_exact_loss(model: str, features: FeaturesSpec) -> str:
    """Say what stands in the way of an exact loss; nothing if there is one."""
    gate = features.gate
    if model not in ("linear", "relu-output"):
        return f"the {model} model"
    if features.repeat is not None or features.inherit or features.magnitude != UniformSpec():
        return "features whose values are not independent and uniform on [0, 1]"
    if isinstance(gate, IndependentSpec):
        small = model == "linear" or features.n <= MOST_EXACT_FEATURES
        return "" if small else f"{features.n} features behind a ReLU"
    if model == "relu-output" and isinstance(gate, ExactlySpec):
        return "" if gate.count == 1 else f"exactly {gate.count} active features"
    if model == "relu-output" and isinstance(gate, SetsSpec) and gate.kind == "correlated":
        small = features.n <= MOST_EXACT_FEATURES
        return "" if small else f"{features.n} features behind a ReLU"
    return f"a {model} model of {gate.kind} features"


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
        faults = [_fault(one["loc"], one["msg"], one["input"]) for one in error.errors()]
        raise ValueError("This problem spec is not valid:\n" + "\n".join(faults)) from None


def _fault(path: tuple[int | str, ...], message: str, given: Any) -> str:
    """Return one line; what was given is told only of a part, not of the whole spec."""
    where = ".".join(str(part) for part in path)
    told = message.removeprefix("Value error, ")
    return f"  {where}: {told} (given: {_shorten(given)})" if where else f"  {told}"


def _shorten(value: Any) -> str:
    """Return a representation of at most 60 characters."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def fingerprint(data: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a JSON value, blind to the order of keys."""
    text = json.dumps(data, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


#: Exact losses of ReLU models enumerate supports: there are 2^n of them, so n is at most this.
MOST_EXACT_FEATURES = 12

TRAININGS: dict[str, dict[str, Any]] = {
    # The paper's notebook: 10,000 AdamW steps at one learning rate.
    "notebook": {"steps": 10_000, "batch": 1024, "lr": 1e-3, "weight_decay": 0.01},
    # Attribution-based and stochastic parameter decomposition.
    "decomposition": {"steps": 10_000, "batch": 1024, "lr": 5e-3, "weight_decay": 0.01},
    # Short and hot, then cooled: what is represented is really learned, in a second.
    "quick": {
        "steps": 2000,
        "batch": 512,
        "lr": 0.01,
        "schedule": "cosine",
        "weight_decay": 0.0,
        "restarts": 8,
    },
    # No samples and no learning rate: L-BFGS on the expected loss itself.
    "exact": {"kind": "exact", "restarts": 8},
}
