"""The contract of every recovery method: a scikit-learn transformer that owns a dictionary."""

import warnings
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, ClassVar, Literal, Self, final

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from unfold.arrays import (
    Array,
    check_activations,
    is_tensor,
    like,
    plain_torch,
    to_numpy,
    to_tensor,
    unit_rows,
    unmasked,
)
from unfold.io.formats.dictionary import Dictionary
from unfold.methods.docstrings import inherited
from unfold.methods.location import location, sound
from unfold.methods.requested_codes import Code, requested_codes


class FitStatus(IntEnum):
    """How a fit ended; ``sentence`` says what to do about it. Numbers are those of `Status`."""

    CONVERGED = 0
    MAX_ITER = 1
    NON_FINITE = 2
    STALLED = 4

    def __str__(self) -> str:
        """Return the name, as in CONVERGED."""
        return self.name

    @property
    def sentence(self) -> str:
        """The status in words, with the remedy."""
        return _SENTENCES[self]


_SENTENCES = {
    FitStatus.CONVERGED: "The fit met its own criterion.",
    FitStatus.MAX_ITER: "The fit ran out of steps before it settled: raise max_iter or n_steps.",
    FitStatus.NON_FINITE: "A NaN or infinity appeared: rescale X.",
    FitStatus.STALLED: (
        "The method's own evidence does not bear its directions out: too few samples, codes of "
        "another kind than it is for, or noise. Try unfold.recover, or more samples."
    ),
}


@dataclass(frozen=True)
class MethodCard:
    """What a reader of ``unfold list methods`` wants to know of a method.

    Attributes
    ----------
    family : str
        The folder it lives in: "baselines", "ica", "dictionary learning", "autoencoders", ...
    solves : str
        The problem solved, in a sentence.
    paper : str
        Authors, year, title; or "own".
    cost : str
        Cost per iteration, as in "O(N d k)".
    fails : str
        Where it fails.
    enumerates : bool
        Whether ``n_components=None`` makes it find how many features there are.
    hints : Mapping
        Constructor parameter -> fact about the problem that the ``informed`` track fills in:
        "n_features", "mean_active", "density", "noise", "positive". Methods that cannot return
        more than d directions take no hints.
    needs : str
        Optional packages, as in "sae" for the extra of that name; empty where none.
    """

    family: str
    solves: str
    paper: str
    cost: str
    fails: str
    enumerates: bool = False
    hints: Mapping[str, str] = field(default_factory=lambda: {"n_components": "n_features"})
    needs: str = ""


@dataclass(eq=False, repr=False, kw_only=True)
class Recovery(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator, ABC):
    """Abstract recovery method: directions from activations, codes from directions.

    A subclass is a dataclass whose fields are its constructor's parameters, keyword-only but for
    ``n_components``; it states its ``card``, and writes

    - ``_fit(X)``, which sets ``components_`` (k, d), and where there is an iteration ``n_iter_``
      and ``status_``; rows are scaled to unit norm for it, signs are its own business;
    - ``_encode(X)``, codes (n, k) such that ``X ~ codes @ components_ + mean_``; and

    gets containers, dtypes, devices, validation and warnings for free. ``_fit`` and ``_encode``
    see arrays of the kind ``backend`` names; results go back as the kind the caller gave.

    The offset of the data is part of every method: ``_fit`` gets samples about their `location`,
    corrupt ones (see `sound`) left out, and what it sets as ``mean_`` is about that location.
    ``_encode`` gets samples as they are; in it ``_atoms(X)`` and ``_centred(X)`` give the
    dictionary, and the data less ``mean_``, in the kind, dtype and device of ``X``.

    Parameters
    ----------
    n_components : int, optional
        How many directions to return; found from the data unless given, where the card says so.
    random_state : int, RandomState or None
        Seeds all randomness of a fit.

    Attributes
    ----------
    components_ : array of shape (n_components_, d)
        Unit-norm directions, one a row.
    mean_ : array of shape (d,)
        What is subtracted before encoding; zeros where a method has no bias.
    n_components_ : int
    n_iter_ : int
    status_ : FitStatus
    """

    card: ClassVar[MethodCard]
    backend: ClassVar[Literal["numpy", "torch"]] = "numpy"
    #: Whether the origin means nothing to the method: fits see samples about their location.
    centres: ClassVar[bool] = True

    n_components: int | None = field(default=None, kw_only=False)
    random_state: Any = 0
    components_: Any = field(init=False)
    mean_: Any = field(init=False)
    n_iter_: int = field(init=False)
    status_: FitStatus = field(init=False)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.__doc__ = inherited(cls)

    @abstractmethod
    def _fit(self, X: Any) -> None:
        """Set ``components_`` from validated activations ``X`` (n, d) of kind ``backend``."""

    @abstractmethod
    def _encode(self, X: Any) -> Any:
        """Return codes (n, k) of validated ``X`` (n, d), both of kind ``backend``."""

    @final
    def fit(self, X: Any, y: None = None) -> Self:
        """Find the feature directions in activations.

        Parameters
        ----------
        X : array-like or tensor of shape (n_samples, d)
        y : None
            Ignored; there by the convention of scikit-learn.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If ``X`` is not a finite matrix of at least two samples that differ, or a parameter
            is out of range for it.
        FloatingPointError
            If the method came to NaN or infinity.
        """
        given = self._validate(X, reset=True)
        if bool((to_numpy(given) == to_numpy(given[:1])).all()):
            raise ValueError(
                f"All {given.shape[0]} samples of X are the same: activations that do not vary "
                f"hold no direction to find."
            )
        n_components = getattr(self, "n_components", None)
        if n_components is not None and (
            isinstance(n_components, bool)
            or not isinstance(n_components, (int, np.integer))
            or n_components < 1
        ):
            raise ValueError(
                f"n_components must be a positive integer, or None to enumerate, "
                f"got {n_components!r}."
            )
        self.n_iter_, self.status_ = 1, FitStatus.CONVERGED
        self.mean_ = np.zeros(given.shape[1])
        self._location = location(to_numpy(given)) if self.centres else self.mean_
        if self.backend == "torch":
            with plain_torch():
                # a tensor of inference mode takes no part in a graph, but its copy does
                self._fit(to_tensor(self._about_location(given)).clone())
        else:
            self._fit(self._inside(self._about_location(given)))
        if not np.isfinite(to_numpy(self.components_)).all():
            raise FloatingPointError(
                f"{type(self).__name__}: directions are not finite. {FitStatus.NON_FINITE.sentence}"
            )
        self._settle(given)
        if self.status_ is not FitStatus.CONVERGED:
            warnings.warn(
                f"{type(self).__name__}: {self.status_.sentence}", ConvergenceWarning, stacklevel=2
            )
        return self

    @final
    def transform(
        self,
        X: Any,
        *,
        code: Code | None = None,
        n_nonzero: int | None = None,
        alpha: float | None = None,
        error: float | None = None,
        prune: float | None = None,
    ) -> Any:
        """Return the codes of ``X`` over ``components_``: the method's own, or others on request.

        Parameters
        ----------
        X : array-like or tensor of shape (n_samples, d)
        code : {"pursuit", "l1", "error"}, optional
            At most ``n_nonzero`` atoms by orthogonal matching pursuit; L1 codes of penalty
            ``alpha``, refitted by least squares; or as few atoms as a pursuit needs to leave a
            residual of norm ``error``. The offset is ``mean_``; signs are those of the method's own
            codes.
        n_nonzero : int, optional
            Unless given, the mean number of atoms in the method's own codes.
        alpha, error : float, optional
            In units of ``X``; unless given, what the method itself was fitted with or found.
        prune : float, optional
            Price of an active atom, as in `unfold.sparse_encode`.

        Returns
        -------
        array of shape (n_samples, n_components_)

        Raises
        ------
        ValueError
            If ``X`` is none, or the method cannot tell what ``code`` needs and nobody says.
        """
        check_is_fitted(self, "components_")
        given = self._validate(X, reset=False)
        if code is None:
            if not (n_nonzero is alpha is error is prune is None):
                raise ValueError('n_nonzero, alpha, error and prune go with code, as in code="l1".')
            return like(self._encode(self._inside(given)), given)
        amounts = {"n_nonzero": n_nonzero, "alpha": alpha, "error": error}
        return like(requested_codes(self, self._inside(given), code, amounts, prune), given)

    @final
    def inverse_transform(self, Z: Any) -> Any:
        """Return the activations ``Z @ components_ + mean_`` that codes stand for.

        Parameters
        ----------
        Z : array-like or tensor of shape (n_samples, n_components_)

        Returns
        -------
        array of shape (n_samples, d)
        """
        check_is_fitted(self, "components_")
        Z = check_activations(Z, name="Z")
        if Z.shape[1] != self.n_components_:
            raise ValueError(f"Z has {Z.shape[1]} columns, expected {self.n_components_}.")
        return self._decode(Z)

    @final
    def score(self, X: Any, y: None = None) -> float:
        """Return how briefly samples are described, in nats: what a search without truth maximises.

        Minus the mean description length of a sample by its codes, refitted by least squares on
        their own support, so that shrinkage is not mistaken for noise. Explained variance alone
        would always want more atoms; here each active one is paid for.

        Parameters
        ----------
        X : array-like or tensor of shape (n_samples, d)
            Samples that took no part in the fit.
        y : None
            Ignored.

        Returns
        -------
        float
            Higher is better.

        References
        ----------
        Rissanen (1978), Modeling by shortest data description.
        """
        from unfold.sparse_coding.debias import debias
        from unfold.sparse_coding.description_length import nats

        codes = self.transform(X)
        codes = np.asarray(codes if hasattr(codes, "to_numpy") else to_numpy(codes), np.float64)
        centred = np.asarray(to_numpy(X) - to_numpy(self.mean_), np.float64)
        D = np.asarray(to_numpy(self.components_), np.float64)
        return -nats(centred, D, debias(centred, D, codes, positive=False))

    def _decode(self, Z: Any) -> Any:
        """Return what validated codes stand for, as the kind of array they are."""
        return Z @ like(self.components_, Z) + like(self.mean_, Z)

    def _exported(self) -> Dictionary:
        """Return the fitted dictionary as files hold it: with its encoder where it has a name."""
        return Dictionary(
            np.asarray(to_numpy(self.components_)), np.asarray(to_numpy(self.mean_)), None, "unfold"
        )

    def _validate(self, X: Any, *, reset: bool) -> Array:
        if not is_tensor(X):
            return validate_data(
                self,
                unmasked(X),
                reset=reset,
                dtype=[np.float64, np.float32],
                ensure_min_samples=1 + reset,
            )
        X = check_activations(X, min_samples=1 + reset)
        if reset:
            self.n_features_in_ = int(X.shape[1])
        elif X.shape[1] != self.n_features_in_:
            raise ValueError(
                f"X has {X.shape[1]} features, but {type(self).__name__} is expecting "
                f"{self.n_features_in_} features as input."
            )
        return X

    def _about_location(self, given: Array) -> Array:
        """Return samples less the location, without corrupt ones."""
        if not self.centres:
            return given
        X = given - like(self._location, given)
        kept = sound(to_numpy(X))
        return X if kept.all() else X[kept]

    def _settle(self, given: Array) -> None:
        """Bring what a fit has found to its final form, in the kind of array it was given."""
        self.components_ = like(unit_rows(self.components_), given)
        self.mean_ = like(self._location + to_numpy(self.mean_), given)
        self.n_components_ = int(self.components_.shape[0])

    def _atoms(self, X: Any) -> Any:
        """Return the dictionary as the kind of array ``X`` is."""
        return like(self.components_, X)

    def _centred(self, X: Any) -> Any:
        """Return ``X - mean_``, as the kind of array ``X`` is."""
        return X - like(self.mean_, X)

    def _inside(self, X: Array) -> Array:
        return to_tensor(X) if self.backend == "torch" else to_numpy(X)

    def _rng(self) -> np.random.RandomState:
        """Return this fit's random state: the same for the same ``random_state``."""
        return check_random_state(self.random_state)

    @property
    def _n_features_out(self) -> int:
        return self.n_components_

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
