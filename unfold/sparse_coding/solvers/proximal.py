"""Proximal and splitting methods on whole batches: FISTA, ADMM, LCA."""

from dataclasses import dataclass

from unfold.sparse_coding.forms import ElasticNet, Lasso
from unfold.sparse_coding.solvers.batched import Batch, BatchedSolver


@dataclass(eq=False, repr=False)
class FISTA(BatchedSolver):
    """Accelerated proximal gradient with a restart per sample; the default on a GPU.

    Parameters
    ----------
    max_iter : int
    check_every : int
        Iterations between certificates; finished samples leave the batch there.
    block_size : int
        Samples iterated on at once.

    References
    ----------
    Beck and Teboulle (2009), A fast iterative shrinkage-thresholding algorithm. O'Donoghue and
    Candes (2015), Adaptive restart for accelerated gradient schemes.
    """

    takes = (Lasso, ElasticNet)

    max_iter: int = 20_000
    check_every: int = 20
    block_size: int = 8192

    def _start(self, batch: Batch) -> None:
        batch.fixed["step"] = 1 / batch.lipschitz()
        batch.state["Y"] = batch.state["Z"].clone()
        batch.state["t"] = batch.X.new_ones((batch.X.shape[0], 1))

    def _step(self, batch: Batch) -> None:
        Z, Y, t = batch.state["Z"], batch.state["Y"], batch.state["t"]
        new = batch.threshold(
            Y + batch.fixed["step"] * batch.correlations(Y), batch.fixed["step"] * batch.alpha
        )
        restart = ((Y - new) * (new - Z)).sum(1, keepdim=True) > 0
        t = t.masked_fill(restart, 1.0)
        t_new = (1 + (1 + 4 * t**2) ** 0.5) / 2
        batch.state["Y"] = new + (t - 1) / t_new * (new - Z)
        batch.state["Z"], batch.state["t"] = new, t_new


@dataclass(eq=False, repr=False)
class ADMM(BatchedSolver):
    """Alternating direction method of multipliers: one factorisation serves every sample.

    Parameters
    ----------
    rho : float or None
        Weight of the coupling; ``None`` takes a tenth of the largest curvature.
    max_iter : int
    check_every : int
    block_size : int

    References
    ----------
    Boyd, Parikh, Chu, Peleato and Eckstein (2011), Distributed optimization and statistical
    learning via the alternating direction method of multipliers.
    """

    takes = (Lasso, ElasticNet)

    rho: float | None = None
    max_iter: int = 20_000
    check_every: int = 20
    block_size: int = 8192

    def _start(self, batch: Batch) -> None:
        import torch

        batch.fixed["rho"] = 0.1 * batch.lipschitz() if self.rho is None else self.rho
        shift = batch.fixed["rho"] + batch.problem.form.l2
        small = batch.D.T @ batch.D
        small.diagonal().add_(shift)
        # Woodbury: (D D' + shift I)^-1 = (I - D (D' D + shift I)^-1 D') / shift, a d by d inverse.
        batch.fixed["inverse"] = torch.linalg.inv(small)
        batch.fixed["shift"] = shift
        batch.state["U"] = torch.zeros_like(batch.b)

    def _step(self, batch: Batch) -> None:
        Z, U = batch.state["Z"], batch.state["U"]
        rhs = batch.b + batch.fixed["rho"] * (Z - U)
        V = (rhs - ((rhs @ batch.D) @ batch.fixed["inverse"]) @ batch.D.T) / batch.fixed["shift"]
        V = 1.6 * V - 0.6 * Z
        batch.state["Z"] = batch.threshold(V + U, batch.alpha / batch.fixed["rho"])
        batch.state["U"] = U + V - batch.state["Z"]


@dataclass(eq=False, repr=False)
class LCA(BatchedSolver):
    """Locally competitive algorithm: leaky integrators that inhibit each other.

    Atoms of any norm are taken to unit norm first, their thresholds with them.

    Parameters
    ----------
    rate : float
        Step of the membrane potentials as a share of the largest stable one, in (0, 1].
    max_iter : int
    check_every : int
    block_size : int

    References
    ----------
    Rozell, Johnson, Baraniuk and Olshausen (2008), Sparse coding via thresholding and local
    competition in neural circuits.
    """

    takes = (Lasso,)

    rate: float = 1.0
    max_iter: int = 50_000
    check_every: int = 50
    block_size: int = 8192

    def _start(self, batch: Batch) -> None:
        import torch

        batch.fixed["norms"] = batch.D.norm(dim=1)
        curvature = float(torch.linalg.matrix_norm(batch.D / batch.fixed["norms"][:, None], 2)) ** 2
        batch.fixed["step"] = self.rate / max(1.0, curvature)
        batch.state["U"] = batch.state["Z"].clone()

    def _step(self, batch: Batch) -> None:
        Z, U = batch.state["Z"], batch.state["U"]
        drive = batch.correlations(Z) / batch.fixed["norms"] + Z * batch.fixed["norms"]
        U = U + batch.fixed["step"] * (drive - U)
        batch.state["U"] = U
        batch.state["Z"] = (
            batch.threshold(U, batch.alpha / batch.fixed["norms"]) / batch.fixed["norms"]
        )
