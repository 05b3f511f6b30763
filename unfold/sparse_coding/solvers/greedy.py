"""Greedy and thresholding methods on whole batches: matching pursuit, IHT, batched OMP."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from unfold.sparse_coding.certificates import relative_residual
from unfold.sparse_coding.forms import AtMost, WithinError
from unfold.sparse_coding.solution import CertificateKind
from unfold.sparse_coding.solvers.batched import Batch, BatchedSolver

if TYPE_CHECKING:
    import torch

_KIND: CertificateKind = "relative_residual"


def _score(batch: Batch, C: "torch.Tensor") -> "torch.Tensor":
    """Return how much each atom alone would explain, per unit of its norm."""
    C = C / batch.D.norm(dim=1)
    return C.clamp(min=0) if batch.problem.positive else C.abs()


def _within(batch: Batch) -> "torch.Tensor":
    """Tell which samples are already within the error bound."""
    R = batch.X - batch.state["Z"] @ batch.D
    return R.norm(dim=1) <= max(batch.problem.form.error, 1e-12) * (
        1.0 if batch.problem.form.error else batch.X.norm(dim=1)
    )


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
        done = _within(batch) | (_score(batch, batch.state["C"]).amax(1) <= 0)
        if isinstance(batch.problem.form, AtMost):
            done = done | ((batch.state["Z"] != 0).sum(1) >= batch.problem.form.n_nonzero)
        return relative_residual(batch.X, batch.D, batch.state["Z"]), done

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
        done = (moved <= tol * 1e-2 * Z.norm(dim=1)) | _within(batch)
        return relative_residual(batch.X, batch.D, Z), done

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

    def _measure(self, batch: Batch, tol: float) -> tuple[Any, Any]:
        score = _score(batch, batch.state["C"]).masked_fill(batch.state["tried"], 0)
        spent = score.amax(1) <= 1e-12 * batch.X.norm(dim=1)
        done = _within(batch)
        if isinstance(batch.problem.form, AtMost):
            done = done | spent | ((batch.state["Z"] != 0).sum(1) >= batch.problem.form.n_nonzero)
        return relative_residual(batch.X, batch.D, batch.state["Z"]), done

    def _step(self, batch: Batch) -> None:
        Z, tried = batch.state["Z"], batch.state["tried"]
        score = _score(batch, batch.state["C"]).masked_fill(tried, -1)
        best = score.argmax(1, keepdim=True)
        tried = tried.scatter(1, best, True)
        on = (Z != 0).scatter(1, best, True)
        size = int(on.sum(1).amax())
        atoms = on.to(Z.dtype).topk(size, dim=1)
        live = atoms.values > 0
        small = self._fit(batch, atoms.indices, live)
        batch.state["Z"] = Z.new_zeros(Z.shape).scatter(1, atoms.indices, small)
        batch.state["tried"] = tried
        batch.state["C"] = batch.correlations(batch.state["Z"])

    @staticmethod
    def _fit(batch: Batch, atoms: "torch.Tensor", live: "torch.Tensor") -> "torch.Tensor":
        """Return least-squares codes over each sample's atoms; rows of dead ones are inert."""
        import torch

        chosen = batch.D[atoms]
        G = chosen @ chosen.transpose(1, 2)
        ridge = 1e-12 if G.dtype == torch.float64 else 1e-6
        diagonal = G.diagonal(dim1=1, dim2=2)
        target = batch.b.gather(1, atoms)
        while True:
            both = live[:, :, None] & live[:, None, :]
            system = torch.where(both, G, 0.0)
            fill = torch.where(live, ridge * diagonal, 1.0)
            system = system + torch.diag_embed(fill)
            codes = torch.linalg.solve_ex(system, torch.where(live, target, 0.0)[..., None])
            small = torch.where(live, codes.result[..., 0], 0.0)
            negative = live & (small <= 0)
            if not batch.problem.positive or not bool(negative.any()):
                return small
            live = live & ~negative
