"""Where cells run. There is one seam, `concurrent.futures.Executor`, and a few names for it."""

import contextlib
import importlib
import importlib.util
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from evaluation.running.evaluate import Ended
from evaluation.running.plan import Cell
from evaluation.running.worker import Setup, Worker, run_here, stop_here

LOCAL = "local"
Submit = Callable[[Cell], "Future[Ended]"]
Make = Callable[[int, Setup], Executor]


def find_executor(name: str) -> Make:
    """Return what opens an executor, given how many cells to run at once and the run's setup.

    Parameters
    ----------
    name : str
        "local": threads of this process. "dask": the scheduler that Dask's own configuration
        names, else workers on this machine; "dask:ADDRESS": that scheduler. "mpi": the ranks of
        ``mpirun -n N python -m mpi4py.futures -m evaluation run ...``. "file.py:make": whatever
        executor the function returns.

    Raises
    ------
    ValueError
        If there is no such executor.
    """
    if name == LOCAL:
        return lambda n_jobs, _: ThreadPoolExecutor(n_jobs)
    if name == "dask" or name.startswith("dask:"):
        return partial(_Dask, name.partition(":")[2])
    if name == "mpi":
        return _mpi
    if ".py:" in name:
        return _from_file(name)
    raise ValueError(
        f"Unknown executor {name!r}: expected local, dask, dask:ADDRESS, mpi or file.py:make."
    )


@contextlib.contextmanager
def submitting(make: Make, n_jobs: int, worker: Worker, *, local: bool) -> Iterator[Submit]:
    """Open an executor for a run, and yield what sends it a cell.

    Parameters
    ----------
    make : callable
        As `find_executor` returns it.
    n_jobs : int
        Cells at once, for those that start workers on this machine.
    worker : Worker
        That of this process.
    local : bool
        Whether it runs the cells.

    Raises
    ------
    ModuleNotFoundError
        If the package of the executor is not installed.
    """
    pool = make(n_jobs, worker.setup)
    run: Callable[[Cell], Ended] = worker.run if local else partial(run_here, worker.setup)
    ended = False
    try:
        yield lambda cell: pool.submit(run, cell)
        ended = True
    finally:
        if not ended:  # stop what its threads wait for before waiting for them
            worker.stop()
            stop_here(worker.setup.run)
        pool.shutdown(wait=True, cancel_futures=not ended)
        stop_here(worker.setup.run)


class _Dask(Executor):
    """The executor of a Dask client, which also stops what a run has on its workers."""

    def __init__(self, address: str, n_jobs: int, setup: Setup) -> None:
        try:
            dask: Any = importlib.import_module("dask")
            distributed: Any = importlib.import_module("distributed")
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError(
                f"Dask is not installed ({error}): pip install 'unfold-superposition[dask]'."
            ) from error
        self._run, self._cluster = setup.run, None
        address = address or dask.config.get("scheduler-address", None) or ""
        if not address:  # a cell has its own limit of memory, which its child is held to
            self._cluster = distributed.LocalCluster(
                n_workers=n_jobs,
                threads_per_worker=1,
                memory_limit=None,
                dashboard_address=None,
                silence_logs="ERROR",
            )
        try:
            self._client = distributed.Client(address or self._cluster)
        except OSError as error:
            raise OSError(
                f"No Dask scheduler answers at {address!r}: expected one that "
                f"`dask scheduler` has started, as in dask:tcp://host:8786 ({error})."
            ) from error
        self._pool = self._client.get_executor()

    def submit(self, fn: Callable, /, *args: Any, **kwargs: Any) -> "Future[Any]":
        """Send a call to a worker."""
        return self._pool.submit(fn, *args, **kwargs)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Stop what the run has on the workers, and leave them to others."""
        self._pool.shutdown(wait=wait and not cancel_futures)
        with contextlib.suppress(OSError):  # a scheduler that is gone has nothing to stop
            self._client.run(stop_here, self._run, on_error="ignore")
        self._client.close()
        if self._cluster is not None:
            self._cluster.close()


def _mpi(n_jobs: int, setup: Setup) -> Executor:
    try:
        from mpi4py.futures import MPIPoolExecutor
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(f"MPI is not installed ({error}): pip install mpi4py.") from error
    return MPIPoolExecutor()


def _from_file(name: str) -> Make:
    """Return what calls a function of a file; it is run here, by the user's own will."""
    where, _, function = name.rpartition(":")
    path = Path(where).resolve()
    if not path.is_file():
        raise ValueError(f"No file {where!r}: expected 'file.py:make' with a file that exists.")
    spec = importlib.util.spec_from_file_location(f"unfold_executor_{path.stem}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    make = getattr(module, function, None)
    if not callable(make):
        raise ValueError(f"No function {function!r} in {where!r}.")

    def call(n_jobs: int, setup: Setup) -> Executor:
        pool = make()
        if not (hasattr(pool, "submit") and hasattr(pool, "shutdown")):
            raise ValueError(f"{name} returned {type(pool).__name__}: expected an Executor.")
        return pool

    return call
