"""What a method returned on activations without a truth, and what is read from it."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import sparse

from evaluation.real.absorption import Mixed, mixed_features
from evaluation.real.codes import helpful, largest, offset
from evaluation.real.probing import pooled, probe_all
from evaluation.real.problem import RealProblem
from evaluation.real.purity import chance_purity, purity_of_features


@dataclass(frozen=True, eq=False)
class RealEstimate:
    """What a method returned, and what is read from it.

    Attributes
    ----------
    problem : RealProblem
    D : ndarray of shape (k, d), float32
        Rows of norm 1 or 0.
    codes : csr_array of shape (n_test, k)
        Of those atoms; pursuit codes where the method has none.
    """

    problem: RealProblem
    D: np.ndarray
    codes: sparse.csr_array

    @property
    def n_measured(self) -> int:
        """Rows of the test activations that are not for probing."""
        return len(self.problem.measured.X)

    @cached_property
    def read(self) -> sparse.csr_array:
        """The codes that probing and purity read: few a sample, and helpful."""
        X, few = self.problem.observed.test, largest(self.codes, self.problem.spec["n_active"])
        constant = offset(X[: self.n_measured], self.D, few[: self.n_measured])
        return helpful(X, self.D, few, constant)

    @cached_property
    def purity(self) -> np.ndarray:
        """Purity of each feature."""
        tokens = np.concatenate([self.problem.measured.tokens, self.problem.probing.tokens])
        return purity_of_features(self.D, self.read, tokens, chance_purity(tokens))

    def texts(self, how: str) -> np.ndarray:
        """Return the codes of texts for probing, pooled: (n_texts, k)."""
        if how not in self._texts:
            rows = self.read[self.n_measured :]
            self._texts[how] = pooled(rows, self.problem.probing.starts, how)
        return self._texts[how]

    def probes(self, n_latents: int, how: str) -> np.ndarray:
        """Return the AUC of every task."""
        if (n_latents, how) not in self._probes:
            found = probe_all(self.texts(how), self.problem.tasks, n_latents)
            self._probes[n_latents, how] = found
        return self._probes[n_latents, how]

    @cached_property
    def mixed(self) -> Mixed:
        """What atoms mix, by their largest codes of the samples to measure on."""
        X, few = self.problem.measured.X, largest(self.codes, self.problem.spec["n_active"])
        few = few[: self.n_measured]
        return mixed_features(X, self.D, few, offset(X, self.D, few))

    @cached_property
    def usage(self) -> np.ndarray:
        """Share of the test activations that each atom fires on, (k,)."""
        return np.bincount(self.codes.indices, minlength=len(self.D)) / self.codes.shape[0]

    @cached_property
    def _texts(self) -> dict[str, np.ndarray]:
        return {}

    @cached_property
    def _probes(self) -> dict[tuple[int, str], np.ndarray]:
        return {}
