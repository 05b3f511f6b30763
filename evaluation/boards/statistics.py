"""Statistics of a board: what the spread over problems and seeds allows to be said."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

#: Methods whose mean skill differs by less are practically equal.
MARGIN = 0.01
#: Confidence of intervals; significance is judged at one minus this.
LEVEL = 0.95
#: Bootstrap draws.
DRAWS = 2000
#: Below this a two-sided signed-rank test cannot reach p < 0.05, whatever the data.
MIN_PROBLEMS = 6


@dataclass(frozen=True, eq=False)
class Spread:
    """What a bootstrap says of methods; all arrays have one entry a method.

    Attributes
    ----------
    low, high : ndarray
        Interval of the mean skill.
    rank_low, rank_high : ndarray of int
        Interval of the rank.
    group : ndarray of int
        Tie group: 1 holds all that cannot be told from the leader, and so on.
    """

    low: np.ndarray
    high: np.ndarray
    rank_low: np.ndarray
    rank_high: np.ndarray
    group: np.ndarray


def cell_weights(problem: np.ndarray) -> np.ndarray:
    """Return the weight of each cell in the mean over problems of the mean over seeds."""
    _, index, counts = np.unique(problem, return_inverse=True, return_counts=True)
    return np.asarray(1 / (len(counts) * counts[index]))


def bootstrap_weights(problem: np.ndarray, n_draws: int = DRAWS, seed: int = 0) -> np.ndarray:
    """Resample problems with replacement, and seeds with replacement within each.

    The same draws serve all methods, so that comparisons stay paired.

    Parameters
    ----------
    problem : ndarray of shape (n_cells,)
        Problem of each (problem, seed) cell.
    n_draws : int
    seed : int

    Returns
    -------
    ndarray of shape (n_draws, n_cells)
        Weights of the cells in the mean of each draw; rows sum to 1.
    """
    _, index, counts = np.unique(problem, return_inverse=True, return_counts=True)
    n_problems, n_cells = len(counts), len(index)
    order = np.argsort(index, kind="stable")
    start = np.cumsum(counts) - counts
    rng = np.random.default_rng(seed)
    drawn = rng.integers(n_problems, size=(n_draws, n_problems))
    size = counts[drawn]
    uniform = rng.random((n_draws, n_problems, counts.max()))
    slot = start[drawn][:, :, None] + (uniform * size[:, :, None]).astype(np.intp)
    weight = np.broadcast_to(1 / (n_problems * size[:, :, None]), slot.shape)
    used = np.arange(counts.max()) < size[:, :, None]
    row = np.broadcast_to(np.arange(n_draws)[:, None, None], slot.shape)
    flat = row[used] * n_cells + order[slot[used]]
    weights = np.bincount(flat, weight[used], minlength=n_draws * n_cells)
    return weights.reshape(n_draws, n_cells)


def spread(means: np.ndarray, samples: np.ndarray, margin: float = MARGIN) -> Spread:
    """Return intervals of mean and rank, and tie groups.

    Parameters
    ----------
    means : ndarray of shape (n_methods,)
    samples : ndarray of shape (n_draws, n_methods)
        Means in each bootstrap draw.
    margin : float
        Differences up to this count as ties.
    """
    tail = 100 * (1 - LEVEL) / 2
    low, high = np.percentile(samples, [tail, 100 - tail], axis=0)
    # Best and worst rank in a draw: ahead of, or behind, everyone it is tied with.
    ahead = np.empty(samples.shape, dtype=np.intp)
    behind = np.empty(samples.shape, dtype=np.intp)
    for j in range(samples.shape[1]):
        gap = samples - samples[:, [j]]
        ahead[:, j] = 1 + (gap > margin).sum(axis=1)
        behind[:, j] = (gap >= -margin).sum(axis=1)
    return Spread(
        low=low,
        high=high,
        rank_low=np.percentile(ahead, tail, axis=0, method="lower").astype(int),
        rank_high=np.percentile(behind, 100 - tail, axis=0, method="higher").astype(int),
        group=_groups(means, samples, margin),
    )


def margin_only(means: np.ndarray, margin: float = MARGIN) -> Spread:
    """Return the `Spread` of data too few to resample: no intervals, ties by the margin alone."""
    unknown = np.full(len(means), np.nan)
    gap = means[None, :] - means[:, None]
    return Spread(
        low=unknown,
        high=unknown,
        rank_low=1 + (gap > margin).sum(axis=1),
        rank_high=(gap >= -margin).sum(axis=1),
        group=_groups(means, means[None, :], margin),
    )


def _groups(means: np.ndarray, samples: np.ndarray, margin: float) -> np.ndarray:
    """Give each method the first leader it cannot be told from, walking down the board."""
    tail = 100 * (1 - LEVEL) / 2
    group = np.zeros(len(means), dtype=int)
    order = np.argsort(-means, kind="stable")
    for number in range(1, len(means) + 1):
        free = order[group[order] == 0]
        if not len(free):
            break
        lead = samples[:, [free[0]]] - samples[:, free]
        tied = np.percentile(lead, tail, axis=0) <= margin
        tied[0] = True
        group[free[tied]] = number
    return group


def ranks(means: np.ndarray, margin: float = MARGIN) -> np.ndarray:
    """Return 1 + the number of methods ahead by more than the margin."""
    return np.asarray(1 + (means[None, :] - means[:, None] > margin).sum(axis=1))


def signed_rank_p(difference: np.ndarray) -> float:
    """Return the exact two-sided p-value of Wilcoxon's signed-rank test; ties and all.

    The null distribution is built by convolution over doubled midranks, so that it is exact
    with ties too, where tables are not. Zero differences are dropped, as Wilcoxon (1945) did.
    """
    difference = difference[difference != 0]
    if not difference.size:
        return 1.0
    doubled = np.rint(2 * rankdata(np.abs(difference))).astype(int)
    null = np.zeros(doubled.sum() + 1)
    null[0] = 1
    for step in doubled:
        null[step:] = (null[step:] + null[: len(null) - step]) / 2
        null[:step] /= 2
    statistic = doubled[difference > 0].sum()
    return float(min(1, 2 * min(null[: statistic + 1].sum(), null[statistic:].sum())))


def holm(p: np.ndarray) -> np.ndarray:
    """Return p-values adjusted for their number by Holm's step-down rule (Holm, 1979)."""
    order = np.argsort(p, kind="stable")
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(1, np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)))
    return adjusted


def problems_needed(n_methods: int) -> int:
    """Return how many problems it takes until any of all pairs can differ significantly.

    The least two-sided p over n problems is ``2 ** (1 - n)``, and Holm multiplies the least of
    all by the number of pairs: below this many problems no data whatever could reach 5%.
    """
    pairs = max(1, n_methods * (n_methods - 1) // 2)
    return max(MIN_PROBLEMS, int(np.ceil(1 + np.log2(pairs / (1 - LEVEL) - 1e-9))))


def pairwise_p(by_problem: np.ndarray, margin: float = MARGIN) -> np.ndarray:
    """Test all pairs of methods over problems, with Holm's correction.

    Parameters
    ----------
    by_problem : ndarray of shape (n_methods, n_problems)
        Mean skill over seeds.
    margin : float
        Differences up to this count as zero.

    Returns
    -------
    ndarray of shape (n_methods, n_methods)
        Adjusted p-values, 1 on the diagonal.

    Raises
    ------
    ValueError
        If there are too few problems for the test to find anything.
    """
    n_methods, n_problems = by_problem.shape
    if n_problems < MIN_PROBLEMS:
        raise ValueError(
            f"A signed-rank test over {n_problems} problem(s) cannot reach p < 0.05 (the least it "
            f"can give is {min(1.0, 2.0 ** (1 - n_problems)):.2g}): run {MIN_PROBLEMS} or more."
        )
    i, j = np.triu_indices(n_methods, 1)
    difference = by_problem[i] - by_problem[j]
    difference[np.abs(difference) <= margin] = 0
    adjusted = holm(np.array([signed_rank_p(row) for row in difference]))
    table = np.ones((n_methods, n_methods))
    table[i, j] = table[j, i] = adjusted
    return table


def mean_ranks(by_problem: np.ndarray, margin: float = MARGIN) -> np.ndarray:
    """Return each method's rank averaged over problems; near-equal skills share a rank."""
    rounded = np.round(by_problem / margin) if margin > 0 else by_problem
    return np.asarray(rankdata(-rounded, axis=0).mean(axis=1))


def cliques(mean_rank: np.ndarray, p: np.ndarray) -> list[tuple[int, ...]]:
    """Return the longest runs of neighbours in mean rank of which no pair differs.

    These are the bars of a critical-difference diagram (Demsar, 2006), with Wilcoxon and Holm in
    place of Nemenyi's test, whose verdict on two methods hangs on who else entered.
    """
    order = np.argsort(mean_rank, kind="stable")
    runs: list[tuple[int, ...]] = []
    end = 0
    for start in range(len(order)):
        stop = start + 1
        while stop < len(order) and (p[order[start:stop], order[stop]] > 1 - LEVEL).all():
            stop += 1
        if stop > end and stop - start > 1:
            runs.append(tuple(int(i) for i in order[start:stop]))
        end = max(end, stop)
    return runs


def detectable_difference(samples: np.ndarray) -> float:
    """Return the difference in mean skill found four times in five, for a typical pair.

    It is 2.8 standard errors of the paired difference (5% two-sided, 80% power), the median over
    pairs.

    Parameters
    ----------
    samples : ndarray of shape (n_draws, n_methods)
    """
    i, j = np.triu_indices(samples.shape[1], 1)
    if not len(i):
        return float("nan")
    covariance = np.atleast_2d(np.cov(samples, rowvar=False))
    variance = np.diag(covariance)[i] + np.diag(covariance)[j] - 2 * covariance[i, j]
    return float(2.8 * np.median(np.sqrt(np.maximum(variance, 0))))
