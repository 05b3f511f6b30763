"""Greedy and thresholding methods on whole batches: matching pursuit, IHT, batched OMP."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from unfold.sparse_coding.forms import AtMost, WithinError
from unfold.sparse_coding.problem import residual_bound
from unfold.sparse_coding.solution import CertificateKind, Status
from unfold.sparse_coding.solvers.batched import Batch, BatchedSolver

if TYPE_CHECKING:
    import torch

_KIND: CertificateKind = "relative_residual"

#: Gradient, in residuals that count as an exact fit, that is none: gradients vanish faster.
VANISHED = 1e-3
#: Change of codes between steps, in the tolerance, below which hard thresholding has settled.
SETTLED = 1e-2


def _score(batch: Batch, C: "torch.Tensor") -> "torch.Tensor":
    """Return how much each atom alone would explain, per unit of its norm."""
    C = C / batch.D.norm(dim=1)
    return C.clamp(min=0) if batch.problem.positive else C.abs()


def _left(batch: Batch) -> "torch.Tensor":
    """Return the residual norms at the codes as they will be handed back."""
    import torch

    handed = batch.problem.code_dtype
    kind = handed if isinstance(handed, torch.dtype) else getattr(torch, str(handed))
    return (batch.X - batch.state["Z"].to(kind).to(batch.X.dtype) @ batch.D).norm(dim=1)


def _measured(batch: Batch) -> tuple["torch.Tensor", "torch.Tensor"]:
    """Return the relative residual, and which samples are within the error bound."""
    left, norms = _left(batch), batch.X.norm(dim=1)
    within = left <= residual_bound(batch.problem.form.error, norms, batch.problem.code_dtype)
    return left / norms.masked_fill(norms == 0, 1), within


def _nothing_helps(batch: Batch, open_: Any = True) -> "torch.Tensor":
    """Tell for which samples no atom among ``open_`` would lower the residual beyond rounding."""
    score = _score(batch, batch.state["C"]) * open_
    return score.amax(1) <= VANISHED * residual_bound(0.0, batch.X.norm(dim=1), batch.X.dtype)


def _bound_verdict(batch: Batch) -> "torch.Tensor":
    """Return the status of samples that are done: whether they met their bound, or none can.

    Where the gradient vanishes on the support and helps nowhere else, the fit is a least-squares
    one over all atoms, so that no code does better.
    """
    import torch

    form, norms = batch.problem.form, batch.X.norm(dim=1)
    done = torch.full_like(norms, int(Status.CONVERGED), dtype=torch.int8)
    if isinstance(form, AtMost):
        return done
    left, Z = _left(batch), batch.state["Z"]
    slope = (batch.correlations(Z) / batch.D.norm(dim=1)).abs() * (Z != 0)
    rounding = residual_bound(0.0, norms, batch.problem.code_dtype)
    best = (slope.amax(1) <= rounding) & (left > rounding)
    missed = left > residual_bound(form.error, norms, batch.problem.code_dtype)
    done[missed & best] = int(Status.INFEASIBLE)
    done[missed & ~best] = int(Status.STALLED)
    return done


@dataclass(eq=False, repr=False)
class MatchingPursuit(BatchedSolver):
    """Matching pursuit: subtract the best atom's share, never revise; the simplest of all.

    Parameters
    ----------
    max_iter : int
    block_size : int

    References
    ----------
    Mallat and Zhang (1993), Matching pursuits with time-frequency dictionaries.
    """

    takes = (AtMost, WithinError)
    certificate_kind = _KIND
    check_every = 1

    max_iter: int = 2000
    block_size: int = 8192

    def _start(self, batch: Batch) -> None:
        batch.state["C"] = batch.b.clone()

    def _measure(self, batch: Batch, tol: float) -> tuple[Any, Any]:
        value, within = _measured(batch)
        done = within | _nothing_helps(batch)
        if isinstance(batch.problem.form, AtMost):
            done = done | ((batch.state["Z"] != 0).sum(1) >= batch.problem.form.n_nonzero)
        return value, done

    def _verdict(self, batch: Batch) -> "torch.Tensor":
        return _bound_verdict(batch)

    def _step(self, batch: Batch) -> None:
        C, Z = batch.state["C"], batch.state["Z"]
        best = _score(batch, C).argmax(1, keepdim=True)
        atoms = batch.D[best[:, 0]]
        step = C.gather(1, best) / (atoms**2).sum(1, keepdim=True)
        batch.state["Z"] = Z.scatter_add(1, best, step)
        batch.state["C"] = C - step * (atoms @ batch.D.T)


@dataclass(eq=False, repr=False)
class IHT(BatchedSolver):
    """Normalised iterative hard thresholding: gradient steps onto the ``n_nonzero`` largest codes.

    Parameters
    ----------
    max_iter : int
    check_every : int
    block_size : int

    References
    ----------
    Blumensath and Davies (2010), Normalized iterative hard thresholding.
    """

    takes = (AtMost,)
    certificate_kind = _KIND

    max_iter: int = 5000
    check_every: int = 20
    block_size: int = 8192

    def _start(self, batch: Batch) -> None:
        batch.fixed["safe"] = 1 / batch.lipschitz()
        batch.state["last"] = batch.state["Z"] + float("inf")

    def _measure(self, batch: Batch, tol: float) -> tuple[Any, Any]:
        Z = batch.state["Z"]
        moved = (Z - batch.state["last"]).norm(dim=1)
        value, within = _measured(batch)
        return value, (moved <= tol * SETTLED * Z.norm(dim=1)) | within

    def _step(self, batch: Batch) -> None:
        Z = batch.state["Z"]
        C = batch.correlations(Z)
        start = _top(C, batch.problem.form.n_nonzero, batch.problem.positive) != 0
        on = ((Z != 0) | ((Z == 0).all(1, keepdim=True) & start)).to(C.dtype)
        masked = C * on
        energy = ((masked @ batch.D) ** 2).sum(1, keepdim=True)
        step = (masked**2).sum(1, keepdim=True) / energy.clamp(min=1e-300)
        new = _top(Z + step * C, batch.problem.form.n_nonzero, batch.problem.positive)
        # Where the support moves the free step may overshoot: fall back on the always safe one.
        moved = ((new != 0) != (on != 0)).any(1, keepdim=True)
        safe = _top(
            Z + batch.fixed["safe"] * C, batch.problem.form.n_nonzero, batch.problem.positive
        )
        batch.state["last"] = Z
        batch.state["Z"] = new.where(~moved | (energy == 0), safe)


def _top(Z: "torch.Tensor", n_nonzero: int, positive: bool) -> "torch.Tensor":
    import torch

    size = Z.clamp(min=0) if positive else Z.abs()
    best = size.topk(min(n_nonzero, Z.shape[1]), dim=1).indices
    kept = torch.zeros_like(Z).scatter(1, best, Z.gather(1, best))
    return kept.clamp(min=0) if positive else kept


@dataclass(eq=False, repr=False)
class BatchedOMP(BatchedSolver):
    """Orthogonal matching pursuit of whole batches on their device, signed or non-negative.

    Every iteration gives each sample one more atom and solves all small least-squares problems
    at once; in the non-negative form atoms that turn negative leave the support.

    Parameters
    ----------
    max_iter : int
    block_size : int

    References
    ----------
    Bruckstein, Elad and Zibulevsky (2008), On the uniqueness of nonnegative sparse solutions to
    underdetermined systems of equations.
    """

    takes = (AtMost, WithinError)
    certificate_kind = _KIND
    check_every = 1

    max_iter: int = 1000
    block_size: int = 8192

    def _start(self, batch: Batch) -> None:
        import torch

        batch.state["tried"] = torch.zeros_like(batch.b, dtype=torch.bool)
        batch.state["C"] = batch.b.clone()
        batch.state["left"] = batch.X.norm(dim=1)

    def _measure(self, batch: Batch, tol: float) -> tuple[Any, Any]:
        value, within = _measured(batch)
        done = within | _nothing_helps(batch, self._open(batch))
        if isinstance(batch.problem.form, AtMost):
            done = done | ((batch.state["Z"] != 0).sum(1) >= batch.problem.form.n_nonzero)
        return value, done

    def _verdict(self, batch: Batch) -> "torch.Tensor":
        return _bound_verdict(batch)

    @staticmethod
    def _open(batch: Batch) -> "torch.Tensor":
        """Tell which atoms may be chosen: outside the support, and not just tried in vain."""
        return ~batch.state["tried"] & (batch.state["Z"] == 0)

    def _step(self, batch: Batch) -> None:
        Z = batch.state["Z"]
        score = _score(batch, batch.state["C"]).masked_fill(~self._open(batch), -1)
        best = score.argmax(1, keepdim=True)
        on = (Z != 0).scatter(1, best, True)
        size = int(on.sum(1).amax())
        atoms = on.to(Z.dtype).topk(size, dim=1)
        live = atoms.values > 0
        fitted = self._fit(batch, atoms.indices, live, Z.gather(1, atoms.indices))
        new = Z.new_zeros(Z.shape).scatter(1, atoms.indices, fitted)
        left = (batch.X - new @ batch.D).norm(dim=1)
        # Every step that is kept lowers the residual, so that no support comes back.
        better = (left < batch.state["left"])[:, None]
        batch.state["tried"] = batch.state["tried"].scatter(1, best, True) & ~better
        batch.state["Z"] = new.where(better, Z)
        batch.state["left"] = left.minimum(batch.state["left"])
        batch.state["C"] = batch.correlations(batch.state["Z"])

    @staticmethod
    def _fit(
        batch: Batch, atoms: "torch.Tensor", live: "torch.Tensor", codes: "torch.Tensor"
    ) -> "torch.Tensor":
        """Return least-squares codes over each sample's atoms; rows of dead ones are inert.

        In the non-negative form ``codes`` move toward the fit until the first of them reaches zero
        and leaves (Lawson and Hanson, 1974), so that the residual never grows.
        """
        import torch

        chosen = batch.D[atoms]
        G = chosen @ chosen.transpose(1, 2)
        ridge = 1e-12 if G.dtype == torch.float64 else 1e-6
        diagonal = G.diagonal(dim1=1, dim2=2)
        target = batch.b.gather(1, atoms)
        while True:
            both = live[:, :, None] & live[:, None, :]
            exact = torch.where(both, G, 0.0)
            system = exact + torch.diag_embed(torch.where(live, ridge * diagonal, 1.0))
            factor, pivots, _ = torch.linalg.lu_factor_ex(system)
            right = torch.where(live, target, 0.0)[..., None]
            fit = torch.linalg.lu_solve(factor, pivots, right)
            # once more on what is left, which takes back what the ridge has shrunk
            fit = fit + torch.linalg.lu_solve(factor, pivots, right - exact @ fit)
            fit = torch.where(live, fit[..., 0], 0.0)
            negative = live & (fit <= 0)
            if not batch.problem.positive or not bool(negative.any()):
                return fit
            room = torch.where(codes > fit, codes / (codes - fit), 0.0)
            share = torch.where(negative, room, float("inf"))
            reach = share.amin(1, keepdim=True).clamp(max=1)
            live = live & ~(negative & (share <= reach))
            codes = torch.where(live, codes + reach * (fit - codes), 0.0)
