"""Specs of feature distributions: densities, gates, magnitudes."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    model_validator,
)

from toy.features.gates import SUM_ROUNDING


class Spec(BaseModel):
    """A frozen piece of a spec; unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class ZipfSpec(Spec):
    """Densities that fall as ``rank ** -exponent``, rescaled to run from ``high`` to ``low``."""

    exponent: float = Field(gt=0)
    high: float = Field(gt=0, le=1)
    low: float = Field(gt=0, le=1)

    @model_validator(mode="after")
    def _falls(self) -> "ZipfSpec":
        if self.low > self.high:
            raise ValueError(f"low must not be above high, got low={self.low}, high={self.high}")
        return self


def _densities(p: "float | tuple[float, ...] | ZipfSpec") -> "float | tuple[float, ...] | ZipfSpec":
    if isinstance(p, ZipfSpec):
        return p
    given = p if isinstance(p, tuple) else (p,)
    if wrong := [one for one in given if not 0 < one <= 1]:
        raise ValueError(f"a density is a probability above 0 and at most 1, got {wrong[0]}")
    return p


def _form(given: Any) -> str:
    """Tell which member of a union is meant, so that a fault is reported of that one alone."""
    if isinstance(given, Mapping | ZipfSpec):
        return "law"
    return "each" if isinstance(given, list | tuple) else "all"


_All = Annotated[float, Tag("all")]
_Each = Annotated[tuple[float, ...], Tag("each")]
_Law = Annotated[ZipfSpec, Tag("law")]
#: One number for all features, or one each.
PerFeature = Annotated[_All | _Each, Discriminator(_form)]
#: A probability for all features, one each, or a law.
Density = Annotated[_All | _Each | _Law, Discriminator(_form), AfterValidator(_densities)]


class IndependentSpec(Spec):
    """Every feature on its own coin."""

    kind: Literal["independent"] = "independent"
    p: Density


class ExactlySpec(Spec):
    """Exactly ``count`` features active in every sample; 1 is one-hot."""

    kind: Literal["exactly"] = "exactly"
    count: int = Field(ge=1)


class SetsSpec(Spec):
    """Sets of ``size`` features: all on together (correlated), or one at a time (anticorrelated).

    ``p`` is the probability that a set is on; each member of an anticorrelated set has
    density ``p / size``.
    """

    kind: Literal["correlated", "anticorrelated"]
    size: int = Field(ge=1)
    p: Density


class CopulaSpec(Spec):
    """Correlated features of chosen densities: ``rank`` shared factors of deviation ``scale``."""

    kind: Literal["copula"] = "copula"
    p: Density
    rank: int = Field(ge=1)
    scale: float = Field(gt=0)


class TreeSpec(Spec):
    """Equal trees, numbered breadth first, and free features after them.

    ``p`` is asked for; where siblings ask for more than their parent can give, they are scaled
    back together, and what results is the declared and realised density. With ``rank``, a copula
    couples roots and free features; children follow their parents.
    """

    kind: Literal["tree"] = "tree"
    roots: int = Field(ge=1)
    branching: int = Field(ge=1)
    depth: int = Field(ge=1)
    p: Density
    exclusive: bool = True
    alone: float = Field(default=0.0, ge=0, lt=1)
    rank: int = Field(default=0, ge=0)
    scale: float = Field(default=0.0, ge=0)


class ForestSpec(Spec):
    """Any hierarchy: the parent of each feature (-1 for none) and the density of each."""

    kind: Literal["forest"] = "forest"
    parents: tuple[int, ...]
    p: tuple[Annotated[float, Field(gt=0, le=1)], ...]
    exclusive: bool = True

    @model_validator(mode="after")
    def _parents_come_first(self) -> "ForestSpec":
        if len(self.parents) != len(self.p):
            raise ValueError(f"{len(self.parents)} parents for {len(self.p)} densities")
        for child, parent in enumerate(self.parents):
            if not -1 <= parent < child:
                raise ValueError(
                    f"the parent of feature {child} must be -1 or an earlier feature, got {parent}"
                )
        return self


class PatternsSpec(Spec):
    """A list of active sets and the probability of each; what is left is the empty set."""

    kind: Literal["patterns"] = "patterns"
    patterns: tuple[tuple[int, ...], ...]
    p: tuple[Annotated[float, Field(gt=0, le=1)], ...]

    @model_validator(mode="after")
    def _adds_up(self) -> "PatternsSpec":
        if len(self.patterns) != len(self.p):
            raise ValueError(f"{len(self.patterns)} patterns for {len(self.p)} probabilities")
        if sum(self.p) > 1 + SUM_ROUNDING:
            raise ValueError(f"the probabilities add up to {sum(self.p):g}, above 1")
        if any(len(set(pattern)) < len(pattern) for pattern in self.patterns):
            raise ValueError("a pattern names a feature twice")
        return self


class DeclaredSpec(Spec):
    """Features that are active as the source of the problem declares, by rules of its own."""

    kind: Literal["declared"] = "declared"


GateSpec = Annotated[
    IndependentSpec
    | ExactlySpec
    | SetsSpec
    | CopulaSpec
    | TreeSpec
    | ForestSpec
    | PatternsSpec
    | DeclaredSpec,
    Field(discriminator="kind"),
]


class UniformSpec(Spec):
    """Values uniform on [low, high)."""

    kind: Literal["uniform"] = "uniform"
    low: float = 0.0
    high: float = 1.0

    @model_validator(mode="after")
    def _ordered(self) -> "UniformSpec":
        if not self.low < self.high:
            raise ValueError(f"low must be below high, got low={self.low}, high={self.high}")
        return self


class NormalSpec(Spec):
    """Normal values, folded to be positive unless ``folded`` is false.

    Means run linearly over the features from ``mean`` to ``last_mean``; each feature's standard
    deviation is drawn from a folded normal of mean ``std`` and deviation ``std_spread``.
    """

    kind: Literal["normal"] = "normal"
    mean: float
    last_mean: float | None = None
    std: float = Field(ge=0)
    std_spread: float = Field(default=0.0, ge=0)
    folded: bool = True


class LogNormalSpec(Spec):
    """Values whose logarithm is normal, of median 1 and standard deviation ``sigma``."""

    kind: Literal["lognormal"] = "lognormal"
    sigma: float = Field(gt=0)


class ManifoldSpec(Spec):
    """Features of ``dimension`` coordinates: a point of a shape around the origin.

    A "sphere" has all its points, a "ring" ``points`` of a circle, a "simplex" its corners. The
    gate is "correlated" with sets of that size: coordinates of a feature are on together.
    """

    kind: Literal["manifold"] = "manifold"
    dimension: int = Field(ge=2)
    shape: Literal["sphere", "ring", "simplex"]
    points: int | None = Field(default=None, ge=3)
    spread: float = Field(default=0.3, ge=0, lt=1)

    @model_validator(mode="after")
    def _points_are_of_rings(self) -> "ManifoldSpec":
        if (self.points is not None) != (self.shape == "ring"):
            raise ValueError(f"points are of a ring, and a ring needs them; got a {self.shape}")
        if self.shape == "ring" and self.dimension != 2:
            raise ValueError(f"a ring has 2 dimensions, got {self.dimension}")
        return self


MagnitudeSpec = Annotated[
    UniformSpec | NormalSpec | LogNormalSpec | ManifoldSpec, Field(discriminator="kind")
]


class FeaturesSpec(Spec):
    """How many features, which are active, how strongly.

    Attributes
    ----------
    n : int
    gate, magnitude
    inherit : bool
        In a hierarchy, a child's value is multiplied by its parent's over the parent's mean.
    repeat : int, optional
        Size of a finite data set that is seen again and again.
    unit_norm : bool
        Whether the rows of that data set are scaled to length 1.
    """

    n: int = Field(ge=1)
    gate: GateSpec
    magnitude: MagnitudeSpec = UniformSpec()
    inherit: bool = False
    repeat: int | None = Field(default=None, ge=1)
    unit_norm: bool = False

    @model_validator(mode="after")
    def _coordinates_are_on_together(self) -> "FeaturesSpec":
        gate, magnitude = self.gate, self.magnitude
        if not isinstance(magnitude, ManifoldSpec):
            return self
        together = isinstance(gate, SetsSpec) and gate.kind == "correlated"
        if not together or gate.size != magnitude.dimension or self.inherit or self.unit_norm:  # type: ignore[union-attr]
            raise ValueError(
                f"features of {magnitude.dimension} dimensions go with a gate of kind "
                f'"correlated" and size {magnitude.dimension}, without inherit or unit_norm'
            )
        return self

    @property
    def dimension(self) -> int:
        """Coordinates of a feature; 1 where a feature is a line."""
        return self.magnitude.dimension if isinstance(self.magnitude, ManifoldSpec) else 1

    @model_validator(mode="after")
    def _lengths(self) -> "FeaturesSpec":
        gate = self.gate
        expected = self.n
        if isinstance(gate, SetsSpec):
            expected, left = divmod(self.n, gate.size)
            if left:
                raise ValueError(f"{self.n} features do not make sets of {gate.size}")
        if isinstance(gate, ExactlySpec):
            if gate.count > self.n:
                raise ValueError(f"{gate.count} of {self.n} features cannot be active")
        elif isinstance(gate, PatternsSpec):
            if wrong := [i for one in gate.patterns for i in one if not 0 <= i < self.n]:
                raise ValueError(f"feature {wrong[0]} of a pattern is not one of {self.n}")
        elif isinstance(gate, DeclaredSpec):
            pass
        elif isinstance(gate.p, tuple) and len(gate.p) != expected:
            raise ValueError(f"gate.p has length {len(gate.p)}, expected {expected}")
        if self.unit_norm and self.repeat is None:
            raise ValueError("unit_norm scales a finite data set: give its size as repeat")
        return self
