"""Independent components: no more features than dimensions, all of them active all the time."""

import warnings

import numpy as np
from scipy import stats
from sklearn.exceptions import ConvergenceWarning

from unfold.methods.base import FitStatus
from unfold.methods.ica.linear_ica import Picard
from unfold.pipeline.judge import Candidate
from unfold.pipeline.split import Split, spanned

#: Samples that the first and the last fit look at, and dimensions up to which they take seconds.
SCREENED, DRAWN, FEW_DIMENSIONS = 4000, 20_000, 64
#: Steps within which sources are found where there are any.
STEPS = 60
#: Share of samples nearer to the median than so many standard deviations from which a source is
#: off most of the time: .08 of a Gaussian are, .13 of a Laplace law.
OFF, NEAR = 0.3, 0.1
#: Quantiles of a source that are told apart.
BINS = 6
#: False alarms of a test.
LEVEL = 1e-3


def by_independent_components(split: Split) -> Candidate | None:
    """Return the sources of a linear mixture where no test finds them dependent.

    Independent sources of which one at most is Gaussian are unique, so that nothing else need be
    tried. Sources that are off most of the time are left to those who look for sparse codes.

    References
    ----------
    Comon 1994, Independent component analysis, a new concept?
    """
    rank = spanned(split.X).shape[1]
    if not 2 <= rank <= FEW_DIMENSIONS or split.n not in (None, rank) or len(split.X) <= rank**2:
        return None
    method = Picard(rank, max_iter=STEPS, random_state=split.rng.randint(2**31))
    # where there are none, few samples tell so
    for n in (max(SCREENED, rank**2), DRAWN):
        X = split.X[:n]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            method.fit(X)
        # k^2 numbers were fitted to these samples: few beside what the tests ask of them
        sources = np.asarray(method.transform(X), np.float64)
        if method.status_ is not FitStatus.CONVERGED or off(sources) or not independent(sources):
            return None
    D = np.asarray(method.components_, np.float64)
    p = stats.normaltest(sources).pvalue
    return Candidate(
        "independent components",
        D,
        np.asarray(1 - p),
        {"n_active": float(rank)},
        n_iter=method.n_iter_,
        positive=False,
        dense=True,
        offset=np.asarray(method.mean_),
    )


def off(sources: np.ndarray) -> bool:
    """Tell whether a source (n, k) is next to its median far more often than dense ones are."""
    away = np.abs(sources - np.median(sources, axis=0))
    return bool(((away < NEAR * sources.std(axis=0)).mean(axis=0) > OFF).any())


def independent(sources: np.ndarray) -> bool:
    """Tell whether sources (n, k) are unique: not Gaussian but for one, and independent.

    Tables of quantiles tell what excludes or implies what. The normal scores of independent sources
    are a standard Gaussian, whatever their laws are; of a compromise between more features than
    dimensions, their squares depend on one another: one by one, or all of them in one sense.
    """
    n, k = sources.shape
    if (stats.normaltest(sources).pvalue > LEVEL / k).sum() > 1:
        return False
    scores = stats.norm.ppf((stats.rankdata(sources, axis=0) - 0.5) / n)
    z = np.sqrt(n) * np.corrcoef(scores**2, rowvar=False)[np.triu_indices(k, 1)]
    if _dependence(sources) < LEVEL:
        return False
    together = 2 * stats.norm.sf(abs(float(z.sum())) / np.sqrt(len(z)))
    return bool(min(together, stats.chi2.sf(float(z @ z), len(z))) > LEVEL)


def _dependence(sources: np.ndarray) -> float:
    """Return the chance of tables (of quantiles, for all pairs) as uneven as these."""
    n, k = sources.shape
    bins = (stats.rankdata(sources, axis=0) * (BINS / (n + 1))).astype(int)
    one = np.eye(BINS)[bins].reshape(n, k * BINS)
    counts = (one.T @ one).reshape(k, BINS, k, BINS).transpose(0, 2, 1, 3)
    pairs = counts[np.triu_indices(k, 1)]
    uneven = float(((pairs - n / BINS**2) ** 2).sum() / (n / BINS**2))
    return float(stats.chi2.sf(uneven, len(pairs) * (BINS - 1) ** 2))
