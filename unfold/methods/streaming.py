"""Fitting from batches: data larger than memory, partial fits, and checkpoints to resume from."""

import json
from abc import abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self, final

import numpy as np

from unfold.arrays import to_numpy
from unfold.methods.base import FitStatus, Recovery
from unfold.methods.location import location

#: Gives the batch (B, d) of a step: the same for the same step.
Source = Callable[[int], Any]


def rows_of(X: Any, batch_size: int, seed: int = 0) -> Source:
    """Return a source that draws random rows, of a memory-mapped file for instance.

    Parameters
    ----------
    X : array, memory map or tensor of shape (n_samples, d)
        Only the rows of a batch are read at a time.
    batch_size : int
    seed : int

    Returns
    -------
    callable
        Step -> batch of shape (min(batch_size, n_samples), d).
    """

    def batch(step: int) -> Any:
        rng = np.random.default_rng((seed, step))
        # In the order of the file, which is the fastest to read.
        places = np.sort(rng.choice(len(X), min(batch_size, len(X)), replace=False))
        return X[places]

    return batch


class Streaming(Recovery):
    """Abstract method that learns batch by batch.

    A subclass writes ``_begin(X)``, which sets up its state from a first batch; ``_absorb(X)``,
    one step; ``_publish(X)``, which sets the fitted attributes from the state; and its state as
    arrays and JSON, ``_state()`` and ``_restore(arrays, notes)``.

    Attributes
    ----------
    n_steps_done_ : int
    """

    n_steps: int
    n_steps_done_: int

    @abstractmethod
    def _begin(self, X: Any) -> None:
        """Set up the state of a run from its first batch."""

    @abstractmethod
    def _absorb(self, X: Any) -> None:
        """Take one step on a batch."""

    @abstractmethod
    def _publish(self, X: Any) -> None:
        """Set the fitted attributes from the state; ``X`` is the latest batch."""

    @abstractmethod
    def _state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Return all that a run needs to go on: arrays, and what JSON can hold."""

    @abstractmethod
    def _restore(self, arrays: dict[str, np.ndarray], notes: dict[str, Any]) -> None:
        """Take up a state that ``_state`` gave."""

    @final
    def partial_fit(self, X: Any, y: None = None) -> Self:
        """Learn from one more batch.

        Parameters
        ----------
        X : array-like or tensor of shape (n_samples, d)
            The first batch also sets the scale of the data and the starting point, so it
            should hold some thousands of samples.
        y : None
            Ignored.

        Returns
        -------
        self
        """
        first = not hasattr(self, "n_steps_done_")
        given = self._validate(X, reset=first)
        self._take(given, first)
        self._finish(given)
        return self

    @final
    def fit_stream(
        self,
        source: Source,
        *,
        checkpoint: str | Path | None = None,
        every: int = 100,
        on_step: Callable[[int], None] | None = None,
    ) -> Self:
        """Learn from ``n_steps`` batches of a source, which may be larger than memory.

        Parameters
        ----------
        source : callable
            Step -> batch (B, d), the same for the same step; `rows_of` makes one from a memory
            map, and ``lambda step: sampler.sample(4096)[0]`` from a sampler.
        checkpoint : path, optional
            File in safetensors format. If it exists, the run goes on from there, and ends with
            the same bits as one that was never interrupted.
        every : int
            Steps between checkpoints.
        on_step : callable, optional
            Called with the number of steps done, to report progress.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If the checkpoint is of another method, other parameters or other data.
        """
        path = None if checkpoint is None else Path(checkpoint)
        step = 0
        if path is not None and path.exists():
            step = self._load(path)
        given = self._validate(source(max(0, step - 1)), reset=step == 0)
        for at in range(step, self.n_steps):
            given = self._validate(source(at), reset=at == 0)
            self._take(given, at == 0)
            if path is not None and ((at + 1) % every == 0 or at + 1 == self.n_steps):
                self._save(path)
            if on_step is not None:
                on_step(at + 1)
        self._finish(given)
        return self

    def _take(self, given: Any, first: bool) -> None:
        if first:
            self.n_steps_done_ = 0
            self._location = location(to_numpy(given))
        batch = self._inside(self._about_location(given))
        if first:
            self._begin(batch)
        self._absorb(batch)
        self.n_steps_done_ += 1

    def _finish(self, given: Any) -> None:
        """Set the fitted attributes as ``fit`` does."""
        self.n_iter_, self.status_ = self.n_steps_done_, FitStatus.CONVERGED
        self.mean_ = np.zeros(given.shape[1])
        self._publish(self._inside(self._about_location(given)))
        self._settle(given)

    def _identity(self) -> dict[str, Any]:
        """Return what a checkpoint must agree with."""
        params = {n: v for n, v in self.get_params().items() if n != "device"}
        return {
            "method": type(self).__name__,
            "params": json.loads(json.dumps(params, default=str)),
        }

    def _save(self, path: Path) -> None:
        from safetensors.numpy import save

        arrays, notes = self._state()
        arrays = {**arrays, "location": self._location}
        notes |= self._identity()
        notes |= {"step": self.n_steps_done_, "n_features": self.n_features_in_}
        data = save(
            {name: np.ascontiguousarray(to_numpy(value)) for name, value in arrays.items()},
            {"unfold": json.dumps(notes)},
        )
        # Whole or not at all: a run killed while saving keeps the checkpoint before.
        part = path.with_name(path.name + ".part")
        part.write_bytes(data)
        part.replace(path)

    def _load(self, path: Path) -> int:
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(path, "numpy") as file:
                notes = json.loads((file.metadata() or {})["unfold"])
                arrays = {n: np.array(file.get_tensor(n)) for n in file.keys()}  # noqa: SIM118
            self._location = arrays.pop("location")
        except (SafetensorError, KeyError, json.JSONDecodeError) as error:
            raise ValueError(
                f"{path} is not a checkpoint of this program, or is damaged ({error}): delete it "
                f"to begin anew."
            ) from error
        for name, expected in self._identity().items():
            if notes[name] != expected:
                raise ValueError(
                    f"{path} is of {name} {notes[name]}, this run is of {expected}: use the same, "
                    f"or another file."
                )
        self.n_features_in_, self.n_steps_done_ = notes["n_features"], notes["step"]
        self._restore(arrays, notes)
        return int(notes["step"])
