"""The process that cells are forked from: it has the libraries loaded, and knows no truth.

Run as ``python -m evaluation.isolation.server``; one line of JSON in, one out, a task at a time.
It forks a child for the task, watches the time and memory of the child's whole process tree,
keeps a bounded log of what it prints, and kills whatever is left of it. When its own input closes,
because the run ended or was killed, it kills the child and goes.
"""

import contextlib
import json
import os
import select
import shutil
import signal
import sys
import time
import traceback
from pathlib import Path
from typing import Any, TextIO

import psutil

from evaluation.isolation import child, sandbox
from evaluation.isolation.warm_up import warm_up

LOG_HEAD = LOG_TAIL = 16_000
MEMORY_INTERVAL = 0.05


class BoundedLog:
    """The beginning and the end of a stream of any length."""

    def __init__(self) -> None:
        self.head, self.tail, self.total = b"", b"", 0

    def write(self, chunk: bytes) -> None:
        """Take in the next bytes of the stream."""
        self.total += len(chunk)
        room = LOG_HEAD - len(self.head)
        self.head += chunk[:room]
        self.tail = (self.tail + chunk[room:])[-LOG_TAIL:]

    def text(self) -> str:
        """Return what was kept, with a note of how much was not."""
        dropped = self.total - len(self.head) - len(self.tail)
        note = f"\n[... {dropped} bytes left out ...]\n".encode() if dropped else b""
        return (self.head + note + self.tail).decode("utf-8", "replace")


def main() -> None:
    """Serve tasks from standard input until it closes, also because the run was killed."""
    sandbox.adopt_orphans()
    sandbox.hide_memory()
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print must not mix with replies
    try:
        warm_up(Path(sys.argv[2]) if len(sys.argv) > 2 else None)
        with contextlib.suppress(BrokenPipeError):  # the run was killed while a task ended
            _serve(replies)
    except Exception:
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        _clean_up()
        os._exit(0)  # without flushing replies that nobody reads


def _serve(replies: TextIO) -> None:
    replies.write(json.dumps({"ready": True}) + "\n")
    replies.flush()
    buffer = b""
    while chunk := os.read(0, 1 << 16):
        buffer += chunk
        while b"\n" in buffer:
            line, _, buffer = buffer.partition(b"\n")
            replies.write(json.dumps(supervise(json.loads(line))) + "\n")
            replies.flush()


def _clean_up() -> None:
    for folder in sys.argv[1:]:
        shutil.rmtree(folder, ignore_errors=True)


def supervise(task: dict[str, Any]) -> dict[str, Any]:
    """Run one task in a child of its own and return how it ended.

    Parameters
    ----------
    task : dict
        As `child.main` takes it, with "seconds" and "bytes", the limits of the process tree.

    Returns
    -------
    dict
        "end" is "exited", "timeout" or "out_of_memory"; "exit_code" is negative for a signal.
    """
    log, (reader, writer) = BoundedLog(), os.pipe()
    began = time.monotonic()
    pid = os.fork()
    if pid == 0:
        os.close(reader)
        child.main(task, writer)
    os.close(writer)
    os.set_blocking(reader, False)
    try:
        end, code, peak = _watch(pid, reader, log, began, task)
    finally:
        kill_descendants(pid)
    with contextlib.suppress(BlockingIOError):
        while chunk := os.read(reader, 1 << 20):
            log.write(chunk)
    os.close(reader)
    return {
        "end": end, "exit_code": code, "peak_bytes": peak, "log": log.text(),
        "seconds": time.monotonic() - began,
    }  # fmt: skip


def _watch(
    pid: int, reader: int, log: BoundedLog, began: float, task: dict[str, Any]
) -> tuple[str, int | None, int]:
    deadline, next_look, peak = began + task["seconds"], began + MEMORY_INTERVAL, 0
    sources = [0, reader]
    while True:
        pause = 0.02 if reader in sources else 0.001
        ready, _, _ = select.select(sources, [], [], pause)
        if 0 in ready:  # nothing is sent during a task: this is the end of the run
            kill_descendants(pid)
            _clean_up()
            os._exit(1)
        if reader in ready:
            if chunk := os.read(reader, 1 << 20):
                log.write(chunk)
            else:
                sources.remove(reader)
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return "exited", os.waitstatus_to_exitcode(status), peak
        now = time.monotonic()
        if now >= deadline:
            return "timeout", None, peak
        if now >= next_look:
            peak, next_look = max(peak, tree_memory(pid)), now + MEMORY_INTERVAL
            if peak > task["bytes"]:
                return "out_of_memory", None, peak


def tree_memory(pid: int) -> int:
    """Return the resident bytes of a process and all its descendants."""
    total = 0
    with contextlib.suppress(psutil.Error):
        root = psutil.Process(pid)
        for process in [root, *root.children(recursive=True)]:
            with contextlib.suppress(psutil.Error):
                total += process.memory_info().rss
    return total


def kill_descendants(group: int) -> None:
    """Kill a process group, and every other descendant of this process, until none is left.

    Descendants that left the group or lost their parent come to this process, which has asked
    for orphans; so the loop ends with no process left.
    """
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)
    while True:
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        for process in psutil.Process().children(recursive=True):
            with contextlib.suppress(psutil.Error):
                process.kill()
        time.sleep(0.002)


if __name__ == "__main__":
    main()
