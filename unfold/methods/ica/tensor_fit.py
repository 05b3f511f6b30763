"""Joint least-squares fit of rank-one terms to cumulant tensors of several orders.

Minimises ``sum_r w_r || T_r - sum_i c_ri a_i^(x r) ||^2`` over atoms ``a_i`` and coefficients
``c_ri`` (``T_2 = I``, ``c_2i = 1``) by Levenberg-Marquardt steps in closed form: everything
follows from the Gram matrix of the atoms and contractions of the tensors with them.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from unfold.arrays import unit_rows
from unfold.deadline import check_time
from unfold.methods.ica.cumulants import Cumulants, pair_coordinates, pair_matrices
from unfold.methods.ica.subspace_power import oriented
from unfold.same_direction import APART, distinct


@dataclass(frozen=True, eq=False)
class CumulantFit:
    """Atoms fitted to cumulants.

    Attributes
    ----------
    atoms : Tensor of shape (n, d)
        In whitened space, scaled so that ``sum_i a_i a_i'`` is near the identity.
    coefficients : Tensor of shape (n, n_orders)
        Standardised cumulants of each source, one column an order from 3 up.
    loss : float
        Weighted squared residual, in units of the noise of the cumulants.
    freedom : int
        Distinct tensor entries less parameters: what ``loss`` is near where the model holds.
    n_iter : int
    """

    atoms: Tensor
    coefficients: Tensor
    loss: float
    freedom: int
    n_iter: int


def contraction(tensor: Tensor, order: int, A: Tensor) -> Tensor:
    """Return ``T(a, ..., a, .)`` of every row of ``A`` (n, d)."""
    n, d = A.shape
    pairs = pair_coordinates(A)
    if order == 3:
        return pairs @ tensor
    flat = (pairs @ tensor.reshape(tensor.shape[0], -1)).reshape(n, *tensor.shape[1:])
    if order == 5:
        return torch.einsum("npl,np->nl", flat, pairs)
    if order == 6:
        flat = torch.einsum("npq,np->nq", flat, pairs)
    return (pair_matrices(flat, d) @ A[:, :, None])[:, :, 0]


def _weights(moments: Cumulants) -> dict[int, float]:
    return {2: moments.n_samples / 2.0, **moments.weights}


def _gradients(moments: Cumulants, A: Tensor, C: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the loss and its halved descent directions in atoms and coefficients."""
    weights, gram = _weights(moments), A @ A.T
    ones = torch.ones_like(C[:, :1])
    identity = torch.eye(A.shape[1], dtype=A.dtype, device=A.device)
    loss = torch.zeros((), dtype=A.dtype, device=A.device)
    down_a, down_c = torch.zeros_like(A), torch.zeros_like(C)
    for column, order in enumerate([2, *moments.tensors], start=-1):
        w, c = weights[order], (ones if order == 2 else C[:, column : column + 1])
        if order == 2:
            contracted, norm = A, identity.square().sum()
        else:
            tensor = moments.tensors[order]
            contracted, norm = contraction(tensor, order, A), tensor.square().sum()
        power = gram ** (order - 1)
        model = power @ (c * A)
        values = (contracted * A).sum(1, keepdim=True)
        modelled = (model * A).sum(1, keepdim=True)
        loss = loss + w * (norm - 2 * (c * values).sum() + (c * modelled).sum())
        down_a += w * order * c * (contracted - model)
        if order > 2:
            down_c[:, column : column + 1] = w * (values - modelled)
    return loss, down_a, down_c


def _normal_matrix(moments: Cumulants, A: Tensor, C: Tensor) -> Tensor:
    """Return J'J over (atoms, coefficients), a matrix of n (d + n_orders) rows."""
    n, d = A.shape
    weights, gram = _weights(moments), A @ A.T
    orders = list(moments.tensors)
    first = 2 * weights[2] * gram
    second = torch.full_like(gram, 2 * weights[2])
    for column, order in enumerate(orders):
        outer = weights[order] * order * C[:, column : column + 1] * C[:, column]
        first = first + outer * gram ** (order - 1)
        second = second + outer * (order - 1) * gram ** (order - 2)
    size = n * d
    H = A.new_zeros(size + n * len(orders), size + n * len(orders))
    blocks = (second[:, None, :, None] * A.T[None, :, :, None]) * A[:, None, None, :]
    diagonal = torch.arange(d, device=A.device)
    blocks[:, diagonal, :, diagonal] += first[None]
    H[:size, :size] = blocks.reshape(size, size)
    for column, order in enumerate(orders):
        start = size + column * n
        factor = weights[order] * order * C[:, column : column + 1] * gram ** (order - 1)
        cross = (factor[:, None, :] * A.T[None]).reshape(size, n)
        H[:size, start : start + n] = cross
        H[start : start + n, :size] = cross.T
        H[start : start + n, start : start + n] = weights[order] * gram**order
    return H


def shared_coefficients(moments: Cumulants, A: Tensor) -> Tensor:
    """Return, for every order, the one coefficient that fits best for all atoms (n, n_orders)."""
    gram = A @ A.T
    columns = []
    for order, tensor in moments.tensors.items():
        values = (contraction(tensor, order, A) * A).sum()
        columns.append(values / (gram**order).sum())
    return torch.stack(columns).expand(A.shape[0], -1).clone()


def _descend(
    moments: Cumulants, A: Tensor, C: Tensor, tie: float, n_iter: int, tol: float
) -> tuple[Tensor, Tensor, float, int]:
    """Take damped Gauss-Newton steps with coefficients tied to their means by ``tie``."""
    n, d = A.shape
    ratio = float(A.square().sum() / n)
    strength = [tie * moments.weights[r] * ratio**r for r in moments.tensors]
    pull = torch.tensor(strength, dtype=A.dtype, device=A.device)

    def total(A: Tensor, C: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        loss, down_a, down_c = _gradients(moments, A, C)
        off = C - C.mean(0)
        return loss + (pull * off.square()).sum(), down_a, down_c - pull * off

    current, down_a, down_c = total(A, C)
    damping, steps = 1e-2, 0
    for _ in range(n_iter):
        check_time()
        H = _normal_matrix(moments, A, C)
        size = n * d
        for column in range(C.shape[1]):
            start = size + column * n
            tied = pull[column] * (torch.eye(n, dtype=A.dtype, device=A.device) - 1.0 / n)
            H[start : start + n, start : start + n] += tied
        down = torch.cat([down_a.reshape(-1), down_c.T.reshape(-1)])
        scale = H.diagonal().clone().clamp_min(1e-12 * float(H.diagonal().max()))
        improved = False
        for _ in range(8):
            damped = H + torch.diag(damping * scale)
            factor, info = torch.linalg.cholesky_ex(damped)
            if int(info) == 0:
                step = torch.cholesky_solve(down[:, None], factor)[:, 0]
                new_A = A + step[:size].reshape(n, d)
                new_C = C + step[size:].reshape(-1, n).T
                trial, trial_a, trial_c = total(new_A, new_C)
                if bool(trial < current):
                    improved = True
                    break
            damping *= 4
        if not improved:
            break
        steps += 1
        gain = float((current - trial) / current.abs().clamp_min(1e-300))
        A, C, current, down_a, down_c = new_A, new_C, trial, trial_a, trial_c
        damping = max(damping / 5, 1e-9)
        if gain < tol:
            break
    return A, C, float(_gradients(moments, A, C)[0]), steps


def fit_cumulants(
    moments: Cumulants,
    A: Tensor,
    C: Tensor | None = None,
    *,
    phases: Sequence[tuple[float, int]] = ((10.0, 25), (0.5, 15), (0.0, 30)),
    tol: float = 1e-5,
) -> CumulantFit:
    """Fit atoms to all cumulants at once, coefficients first tied together, then free.

    Parameters
    ----------
    moments : Cumulants
    A : Tensor of shape (n, d)
        Start; rescaled to the norm that whitening implies where ``C`` is not given.
    C : Tensor of shape (n, n_orders), optional
        Coefficients to start from; shared ones by least squares unless given.
    phases : sequence of (tie, most iterations)
    tol : float
        Relative decrease of the loss below which a phase ends.

    Returns
    -------
    CumulantFit
    """
    n, d = A.shape
    if C is None:
        A = oriented(unit_rows(A.double()), moments.tensors[3]) * (d / n) ** 0.5
        C = shared_coefficients(moments, A)
    loss, steps = 0.0, 0
    for tie, n_iter in phases:
        A, C, loss, taken = _descend(moments, A, C, tie, n_iter, tol)
        steps += taken
    entries = sum(math.comb(d + r - 1, r) for r in (2, *moments.tensors))
    return CumulantFit(A, C, loss, entries - n * (d + C.shape[1]), steps)


def contributions(moments: Cumulants, fit: CumulantFit) -> Tensor:
    """Return each atom's share of the explained cumulants, in units of their noise."""
    norms = fit.atoms.square().sum(1)
    total = torch.zeros_like(norms)
    for column, order in enumerate(moments.tensors):
        total += moments.weights[order] * fit.coefficients[:, column].square() * norms**order
    return total


def residual_points(
    moments: Cumulants,
    fit: CumulantFit,
    n: int,
    generator: torch.Generator,
    n_iter: int = 40,
) -> Tensor:
    """Return up to ``n`` unit vectors that the residual cumulants point to, best first."""
    d = fit.atoms.shape[1]
    x = unit_rows(torch.randn(max(8 * n, 64), d, generator=generator, dtype=torch.float64))
    x = x.to(fit.atoms.device)
    gain = torch.zeros(len(x), dtype=x.dtype, device=x.device)
    for _ in range(n_iter):
        check_time()
        inner, step = x @ fit.atoms.T, torch.zeros_like(x)
        gain = torch.zeros_like(gain)
        for column, order in enumerate(moments.tensors):
            c, w = fit.coefficients[:, column], moments.weights[order]
            left = contraction(moments.tensors[order], order, x)
            left = left - (c * inner ** (order - 1)) @ fit.atoms
            value = (left * x).sum(1, keepdim=True)
            gain += w * value[:, 0].square()
            step += w * value * left
        x = unit_rows(unit_rows(step) + 0.3 * x)
    kept = distinct(x, gain, cosine=APART, positive=False)[:n]
    return x[kept]


def shifted(fit: CumulantFit, extra: Tensor, moments: Cumulants) -> CumulantFit:
    """Return the fit with atoms added, at the scale and coefficients typical of it."""
    scale = fit.atoms.norm(dim=1).median()
    extra = oriented(extra, moments.tensors[3]) * scale
    typical = fit.coefficients.median(0).values.expand(len(extra), -1)
    return replace(
        fit,
        atoms=torch.cat([fit.atoms, extra]),
        coefficients=torch.cat([fit.coefficients, typical]),
    )


def subset(fit: CumulantFit, kept: Tensor, flip: Tensor | None = None) -> CumulantFit:
    """Return the fit with some of its atoms, turned over where ``flip`` is -1."""
    atoms, coefficients = fit.atoms[kept], fit.coefficients[kept]
    if flip is not None:
        orders = torch.arange(3, 3 + coefficients.shape[1], device=flip.device)
        atoms = atoms * flip[:, None]
        coefficients = coefficients * torch.where(orders % 2 == 1, flip[:, None], 1.0)
    return replace(fit, atoms=atoms, coefficients=coefficients)
