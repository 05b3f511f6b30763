"""The default: look at the data, take the cheapest road that its own evidence bears out."""

from typing import Any, ClassVar

import numpy as np

from unfold.directions.codes import sharp_codes
from unfold.directions.roads import choose_road, settle
from unfold.directions.scene import Candidate, Scene
from unfold.methods.base import MethodCard, Recovery
from unfold.solution import Status


class Recover(Recovery):
    """The recommended pipeline: directions of sparse or dense, clean or noisy, flat or tree codes.

    It looks for repeated samples (the bias, single-feature rays), then climbs the fourth
    cumulant or, in high dimension, the tails of the data; anneals a polish that ends at the
    noise level; fits third- to fifth-order cumulants jointly where codes are too dense for any
    sparse fit; and splits composite directions where single events span more than a line. Which
    road is kept is decided by how many held-out samples a dictionary fits with few atoms.

    Parameters
    ----------
    n_components : int, optional
        How many directions; found from the data unless given.
    random_state : int, RandomState or None

    Attributes
    ----------
    road_ : str
        The road taken, as in "rays" or "subspace power + polish".
    evidence_ : dict of str to float
        What decided: among others the share of held-out samples fitted, and the tolerance.
    confidence_ : ndarray of shape (n_components_,)
        Per direction, between 0 and 1: evidence for it over evidence plus noise.
    noise_ : float
        Noise per coordinate that the fit leaves, 0 if none can be told.
    """

    card: ClassVar[MethodCard] = MethodCard(
        family="pipeline",
        solves="rays, cumulants or tails for a start, then annealed polish or joint cumulant fit",
        paper="own",
        cost="near-linear in N; see docs/recover.md",
        fails="few samples (below about 50 activations a feature); d above 40 with dense codes",
        enumerates=True,
    )

    def __init__(self, n_components: int | None = None, *, random_state: Any = 0) -> None:
        self.n_components = n_components
        self.random_state = random_state

    def _fit(self, X: np.ndarray) -> None:
        scene = Scene.of(X, self.n_components, self._rng())
        best: Candidate = settle(scene, choose_road(scene))
        self.components_ = best.dictionary
        self.mean_ = scene.bias
        self.road_ = best.road
        self.evidence_ = dict(best.evidence)
        self.confidence_ = best.confidence
        self.noise_ = best.noise
        self.n_iter_ = best.n_iter
        if not best.sure:
            self.status_ = Status.STALLED

    def _encode(self, X: np.ndarray) -> np.ndarray:
        return np.asarray(sharp_codes(X, self.components_, self.mean_, noise=self.noise_))


def recover(X: Any, n_components: int | None = None, random_state: Any = 0) -> Recover:
    """Recover the feature directions of activations by the recommended pipeline.

    Parameters
    ----------
    X : array-like or tensor of shape (n_samples, d)
    n_components : int, optional
        How many directions; found from the data unless given.
    random_state : int, RandomState or None

    Returns
    -------
    Recover
        Fitted: ``components_``, ``transform``, ``road_``, ``evidence_``, ``confidence_``.

    Raises
    ------
    ValueError
        If ``X`` is not a finite matrix of two or more samples, or is constant.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> D = np.array([[1.0, 0.0], [-0.5, 0.866], [-0.5, -0.866]])
    >>> X = (rng.random((5000, 3)) * (rng.random((5000, 3)) < 0.1)) @ D
    >>> recover(X).n_components_
    3
    """
    return Recover(n_components, random_state=random_state).fit(X)
