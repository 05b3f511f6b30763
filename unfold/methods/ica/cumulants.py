"""Whitening and the third to sixth cumulants of whitened data, streamed in chunks.

A sum of independent sources has cumulant tensors ``T_r = sum_i c_ri a_i^(x r)``: every direction
is a rank-one term of every order, however many directions there are. Tensors are kept in the
orthonormal basis of symmetric matrices ("pairs", P = d (d + 1) / 2 entries), where order 4 is a
matrix (P, P) and order 5 an array (P, P, d).
"""

import itertools
import math
from dataclasses import dataclass

import torch
from torch import Tensor

from unfold.methods.ica.whitening import CHUNK, Whitening, chunks, whitening


def pair_indices(d: int, device: torch.device | str = "cpu") -> tuple[Tensor, Tensor, Tensor]:
    """Return ``(i, j, weight)`` of the pairs i <= j; weight sqrt(2) off the diagonal."""
    j, i = torch.tril_indices(d, d, device=device)
    return i, j, torch.where(i == j, 1.0, math.sqrt(2.0)).double()


def pair_coordinates(A: Tensor) -> Tensor:
    """Return ``a a'`` of every row of ``A`` (n, d) in the pair basis (n, P)."""
    i, j, weight = pair_indices(A.shape[1], A.device)
    return A[:, i] * A[:, j] * weight.to(A.dtype)


def pair_matrices(F: Tensor, d: int) -> Tensor:
    """Return the symmetric matrices (n, d, d) whose pair coordinates are ``F`` (n, P)."""
    i, j, weight = pair_indices(d, F.device)
    out = F.new_zeros(F.shape[0], d, d)
    entries = F / weight.to(F.dtype)
    out[:, i, j] = entries
    out[:, j, i] = entries
    return out


def _rank(indices: Tensor) -> Tensor:
    """Return the position of sorted multi-indices (..., r) among all of their order."""
    order, top = indices.shape[-1], int(indices.max()) + indices.shape[-1] + 1
    binomial = torch.tensor(
        [[math.comb(m, j + 1) for j in range(order)] for m in range(top)], device=indices.device
    )
    return sum(
        (binomial[indices[..., j] + j, j] for j in range(order)),
        torch.zeros(indices.shape[:-1], dtype=torch.int64, device=indices.device),
    )


def _multi_indices(d: int, order: int, device: torch.device | str = "cpu") -> Tensor:
    """Return all sorted multi-indices (U, order) over ``range(d)``, in the order of `_rank`."""
    index = torch.arange(d, device=device)[:, None]
    for step in range(2, order + 1):
        counts = [math.comb(j + step - 1, step - 1) for j in range(d)]
        last = torch.repeat_interleave(
            torch.arange(d, device=device), torch.tensor(counts, device=device)
        )
        index = torch.cat([torch.cat([index[:count] for count in counts]), last[:, None]], dim=1)
    return index


def _multiplicities(d: int, order: int, device: torch.device) -> Tensor:
    """Return how many entries of the full tensor share each distinct one."""
    index = _multi_indices(d, order, device)
    run = torch.ones(len(index), dtype=torch.int64, device=device)
    total = torch.full((len(index),), math.factorial(order), dtype=torch.int64, device=device)
    for c in range(1, order):
        run = torch.where(index[:, c] == index[:, c - 1], run + 1, torch.ones_like(run))
        total = total // run
    return total.double()


def _monomials(z: Tensor, degree: int) -> Tensor:
    """Return all products (U, n) of ``degree`` rows of ``z`` (m, n), in the order of `_rank`."""
    rows = z
    for step in range(2, degree + 1):
        rows = torch.cat(
            [rows[: math.comb(j + step - 1, step - 1)] * z[j] for j in range(z.shape[0])]
        )
    return rows


def _raw_moments(X: Tensor, white: Whitening, top: int) -> tuple[list[list[Tensor]], list[int]]:
    """Return unique moments of orders 3..top of two interleaved halves, as pivot blocks.

    An entry i1 <= ... <= ir is computed once, around its third index from the right: the pair
    to the right of the pivot times all monomials to the left of it, one product a pivot.
    """
    d, degree = white.rank, top - 3
    sums = [
        [
            X.new_zeros(math.comb(t + 1 + degree, degree), math.comb(d - t + 1, 2)).double()
            for t in range(d)
        ]
        for _ in range(2)
    ]
    counts = [0, 0]
    rows = min(CHUNK, max(1, -(-X.shape[0] // 2)))
    for number, block in enumerate(chunks(X, rows)):
        z = white.apply(block).T.contiguous()
        left = _monomials(torch.cat([torch.ones_like(z[:1]), z]), degree)
        right = _monomials(z.flip(0), 2)
        for t in range(d):
            lower, upper = sums[number % 2][t].shape
            lhs, rhs = left[:lower], right[:upper]
            if lower < upper:
                lhs = lhs * z[t]
            else:
                rhs = rhs * z[t]
            sums[number % 2][t] += (lhs @ rhs.T).double()
        counts[number % 2] += block.shape[0]
    return sums, counts


def _gather_unique(blocks: list[Tensor], d: int, top: int) -> dict[int, Tensor]:
    """Return unique entries of each order, in the order of `_rank`, from pivot blocks."""
    device = blocks[0].device
    lefts = _multi_indices(d + 1, top - 3, device) - 1  # index -1 is the constant
    rights = (d - 1 - _multi_indices(d, 2, device)).flip(1)
    unique = {
        order: blocks[0].new_zeros(math.comb(d + order - 1, order)) for order in range(3, top + 1)
    }
    for t, block in enumerate(blocks):
        left, right = lefts[: block.shape[0]], rights[: block.shape[1]]
        degrees = (left >= 0).sum(1)
        for order in range(3, top + 1):
            chosen = torch.nonzero(degrees == order - 3)[:, 0]
            head = left[chosen][:, top - order :]
            index = torch.cat(
                [
                    head[:, None, :].expand(-1, right.shape[0], -1),
                    torch.full((len(chosen), right.shape[0], 1), t, device=device),
                    right[None].expand(len(chosen), -1, -1),
                ],
                dim=2,
            )
            unique[order][_rank(index)] = block[chosen]
    return unique


def _corrected(moments: dict[int, Tensor], d: int) -> dict[int, Tensor]:
    """Return unique cumulants from unique moments of white data."""
    third, out = moments[3], {3: moments[3]}
    for order in [r for r in moments if r > 3]:
        index = _multi_indices(d, order, third.device)
        total = moments[order].clone()
        for p, q in itertools.combinations(range(order), 2):
            hit = torch.nonzero(index[:, p] == index[:, q])[:, 0]
            rest = index[hit][:, [c for c in range(order) if c not in (p, q)]]
            if order == 4:
                # each of the three pairings of four indices is met from both of its pairs
                total[hit] -= (rest[:, 0] == rest[:, 1]).double() / 2
            elif order == 5:
                total[hit] -= third[_rank(rest)]
            else:
                # the pairings of the rest are subtracted with the cumulant, a third each time
                pairings = sum(
                    (rest[:, [0, a]].diff()[:, 0] == 0).double()
                    * (rest[:, others].diff()[:, 0] == 0).double()
                    for a, others in ((1, [2, 3]), (2, [1, 3]), (3, [1, 2]))
                )
                total[hit] -= out[4][_rank(rest)] + pairings / 3
        if order == 6:
            for p, q in itertools.combinations(range(1, 6), 2):
                others = [c for c in range(1, 6) if c not in (p, q)]
                total -= third[_rank(index[:, others])] * third[_rank(index[:, [0, p, q]])]
        out[order] = total
    return out


def _sorted_together(parts: list[Tensor]) -> list[Tensor]:
    """Return tensors sorted element by element across the list (odd-even transpositions)."""
    parts = list(parts)
    for turn in range(len(parts)):
        for c in range(turn % 2, len(parts) - 1, 2):
            low, high = torch.minimum(parts[c], parts[c + 1]), torch.maximum(parts[c], parts[c + 1])
            parts[c], parts[c + 1] = low, high
    return parts


def _in_pair_basis(unique: Tensor, d: int, order: int) -> Tensor:
    """Return the tensor over pairs (and one plain index where the order is odd)."""
    device = unique.device
    i, j, weight = pair_indices(d, device)
    size, pairs = len(i), order // 2
    parts: list[Tensor] = []
    scale = torch.ones((), dtype=torch.float64, device=device)
    for axis in range(pairs):
        shape = [1] * (pairs + order % 2)
        shape[axis] = size
        parts += [i.reshape(shape).int(), j.reshape(shape).int()]
        scale = scale * weight.reshape(shape)
    if order % 2:
        parts.append(torch.arange(d, device=device, dtype=torch.int32).reshape([1] * pairs + [d]))
    binomial = torch.tensor(
        [[math.comb(m, c + 1) for c in range(order)] for m in range(d + order)],
        dtype=torch.int32,
        device=device,
    )
    position = torch.zeros((), dtype=torch.int32, device=device)
    for c, part in enumerate(_sorted_together(parts)):
        position = position + binomial[part + c, c]
    return unique[position] * scale


@dataclass(frozen=True, eq=False)
class Cumulants:
    """Cumulant tensors of white data and how precisely each order is known.

    Attributes
    ----------
    white : Whitening
    tensors : dict of int to Tensor
        Order 3: (P, r); 4: (P, P); 5: (P, P, r); 6: (P, P, P), with P = r (r + 1) / 2 pairs.
    halves : tuple of two dicts of int to Tensor
        Distinct entries of the same from two disjoint halves of the samples; see `half`.
    weights : dict of int to float
        Number of distinct entries over the squared norm of the noise, from the difference of the
        halves: near n_samples / r! where the data are near Gaussian.
    n_samples : int
    """

    white: Whitening
    tensors: dict[int, Tensor]
    halves: tuple[dict[int, Tensor], dict[int, Tensor]]
    weights: dict[int, float]
    n_samples: int

    def half(self, side: int, order: int) -> Tensor:
        """Return the tensor of one order from one half (0 or 1) of the samples."""
        return _in_pair_basis(self.halves[side][order], self.white.rank, order)


def default_order(rank: int) -> int:
    """Return the highest order worth its memory: 6 to rank 8, 5 to rank 32, else 4."""
    return 6 if rank <= 8 else 5 if rank <= 32 else 4


def cumulants(X: Tensor, *, top: int | None = None, white: Whitening | None = None) -> Cumulants:
    """Estimate cumulant tensors of orders 3 to ``top`` of whitened samples.

    Every distinct entry is computed once: C(d + r - 1, r) multiplications a sample for order r,
    in float32 products over chunks, added up in float64.

    Parameters
    ----------
    X : Tensor of shape (n_samples, d)
    top : int, optional
        Highest order, 4 to 6; by default as high as memory allows for this dimension.
    white : Whitening, optional
        That of ``X`` unless given.

    Returns
    -------
    Cumulants
    """
    white = whitening(X) if white is None else white
    rank = white.rank
    top = default_order(rank) if top is None else top
    if top not in (4, 5, 6):
        raise ValueError(f"top is the highest order, 4, 5 or 6; got {top!r}.")
    sums, counts = _raw_moments(X, white, top)
    total = sum(counts)
    unique = [
        _gather_unique([block / max(count, 1) for block in blocks], rank, top)
        for blocks, count in zip(sums, counts, strict=True)
    ]
    shares = [count / total for count in counts]
    whole: dict[int, Tensor] = {
        r: shares[0] * unique[0][r] + shares[1] * unique[1][r] for r in unique[0]
    }
    exact = [_corrected(whole, rank), *(_corrected(u, rank) for u in unique)]
    weights = {}
    for r in whole:
        half_difference = (exact[1][r] - exact[2][r]) / 2
        noise = (_multiplicities(rank, r, X.device) * half_difference.square()).sum()
        weights[r] = half_difference.numel() / max(float(noise), 1e-300)
    tensors = {r: _in_pair_basis(entries, rank, r) for r, entries in exact[0].items()}
    return Cumulants(white, tensors, (exact[1], exact[2]), weights, total)
