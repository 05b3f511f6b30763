"""The parent's end: a slot runs one task at a time, and survives whatever the task does."""

import contextlib
import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from evaluation.isolation.child import ESTIMATE, RESULT

#: All that a child inherits of the environment; enough for libraries and accelerators.
_ENVIRONMENT = (
    "PATH", "HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES", "VIRTUAL_ENV",
)  # fmt: skip
_MAX_RESULT_BYTES = 1 << 20


class ServerStopped(RuntimeError):
    """The fork server could not start."""


class Slot:
    """One fork server and the tasks it runs; use as a context manager.

    Parameters
    ----------
    threads : int
        Threads that numerical libraries may use in a child.
    shared : Path, optional
        A further folder to remove should this process be killed.
    """

    def __init__(self, threads: int = 1, shared: Path | None = None) -> None:
        self.threads = threads
        self._shared, self._closed = shared, False
        self.scratch = Path(tempfile.mkdtemp(prefix="unfold-"))
        self._server: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def start(self) -> None:
        """Start the server if it does not run; returns before it has loaded its libraries.

        Raises
        ------
        ServerStopped
            If it cannot be started.
        """
        if self._closed:
            raise ServerStopped("The run was stopped.")
        if self._server is not None and self._server.poll() is None:
            return
        self._release()
        self.scratch.mkdir(parents=True, exist_ok=True)
        folders = [self.scratch, self._shared] if self._shared else [self.scratch]
        with (self.scratch / "server.log").open("wb") as log:
            self._server = subprocess.Popen(
                [sys.executable, "-m", "evaluation.isolation.server", *map(str, folders)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=_environment(self.threads, self.scratch),
                cwd=self.scratch,
                start_new_session=True,
            )

    def submit(self, task: Mapping[str, Any]) -> dict[str, Any]:
        """Run a task to its end and return what came of it.

        Parameters
        ----------
        task : Mapping
            As `evaluation.isolation.server.supervise` takes it, less "workdir".

        Returns
        -------
        dict
            What the child wrote ("status", "reason", ...) and what the server saw ("log",
            "exit_code", "peak_bytes"); "estimate" is the path of the arrays, or None. The folder
            "workdir" is the caller's to remove.

        Raises
        ------
        ServerStopped
            If the slot is closed, also by another thread while the task runs.
        """
        self.start()
        assert self._server is not None
        try:
            workdir = Path(tempfile.mkdtemp(prefix="cell-", dir=self.scratch))
            reply = self._exchange(self._server, {**task, "workdir": str(workdir)})
        except (OSError, ValueError):  # pipes and folders that another thread has closed
            if self._closed:
                raise ServerStopped("The slot was closed while it ran a task.") from None
            raise
        if self._closed:
            raise ServerStopped("The slot was closed while it ran a task.")
        outcome = judge(reply, _read_result(workdir / RESULT), task)
        estimate = workdir / ESTIMATE
        outcome["estimate"] = estimate if _is_plain_file(estimate) else None
        outcome["workdir"] = workdir
        return outcome

    def _exchange(
        self, server: "subprocess.Popen[bytes]", task: Mapping[str, Any]
    ) -> dict[str, Any]:
        assert server.stdin is not None
        assert server.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            server.stdin.write(json.dumps(task).encode() + b"\n")
            server.stdin.flush()
            while line := server.stdout.readline():
                reply: dict[str, Any] = json.loads(line)
                if "ready" not in reply:
                    return reply
        server.wait()
        log = (self.scratch / "server.log").read_text(errors="replace")[-4000:]
        return {"end": "server", "exit_code": server.returncode, "log": log, "peak_bytes": 0}

    def close(self) -> None:
        """Stop the server, kill what it runs and remove its files."""
        self._closed = True
        self._release()
        shutil.rmtree(self.scratch, ignore_errors=True)

    def _release(self) -> None:
        """End the server, which kills what it runs, and close what leads to it."""
        if self._server is None:
            return
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        with contextlib.suppress(OSError):
            self._server.stdin.close()
        try:
            self._server.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._server.kill()
            self._server.wait()
        self._server.stdout.close()


def judge(
    reply: Mapping[str, Any], result: dict[str, Any] | None, task: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the outcome of a task from what the server saw and what the child wrote."""
    code = reply["exit_code"]
    seen = {"log": reply["log"], "exit_code": code, "peak_bytes": reply["peak_bytes"]}
    if reply["end"] == "timeout":
        return {
            "status": "timeout",
            "reason": f"Stopped at its limit of {task['seconds']:g} s.",
        } | seen
    if reply["end"] == "out_of_memory":
        limit = f"{task['bytes'] / 1e6:.0f} MB"
        return {"status": "out_of_memory", "reason": f"Stopped at its limit of {limit}."} | seen
    if reply["end"] == "server":
        reason = "The process that supervises the cell was killed with it."
        return {"status": "crash", "reason": reason} | seen
    if code < 0:
        return {"status": "crash", "reason": f"Killed by {_signal_name(-code)}."} | seen
    if result is None:
        reason = f"The process left with exit code {code} before it returned a result."
        return {"status": "crash", "reason": reason} | seen
    return result | seen | {"peak_bytes": int(result.get("peak_bytes") or 0)}


def _signal_name(number: int) -> str:
    import signal

    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _is_plain_file(path: Path) -> bool:
    try:
        return stat.S_ISREG(os.lstat(path).st_mode)
    except OSError:
        return False


def _read_result(path: Path) -> dict[str, Any] | None:
    """Return what the child wrote, if it is what a child writes."""
    if not _is_plain_file(path) or path.stat().st_size > _MAX_RESULT_BYTES:
        return None
    try:
        result = json.loads(path.read_bytes())
    except ValueError:
        return None
    return result if isinstance(result, dict) and isinstance(result.get("status"), str) else None


def _environment(threads: int, scratch: Path) -> dict[str, str]:
    """Return the environment of a server: nothing of the caller's but what libraries need."""
    kept = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    pinned = {
        f"{library}_NUM_THREADS": str(threads)
        for library in ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "NUMBA", "VECLIB", "RAYON")
    }
    root = Path(__file__).resolve().parents[2]
    return {
        **kept, **pinned, "LC_CTYPE": "C.UTF-8", "TMPDIR": str(scratch),
        "PYTHONHASHSEED": "0", "PYTHONPATH": str(root), "PYTHONSAFEPATH": "1",
        "MPLCONFIGDIR": str(scratch),
        # Deterministic cuBLAS; and a heap in huge pages, which halves the cost of a fork.
        "CUBLAS_WORKSPACE_CONFIG": ":4096:8", "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
    }  # fmt: skip
