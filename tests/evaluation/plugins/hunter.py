# ruff: noqa: PTH112, PTH114, PTH115, PTH123, PTH207, PTH208
"""A method that looks for the truth everywhere a method could, and prints what it gets at."""

import ctypes
import glob
import json
import os
import sys
from pathlib import Path

import numpy as np
from sklearn.base import BaseEstimator

HINTS = ("planted", "truth", "salt-of-the-test", "pineapple")


def ancestors():
    """Yield this process's parent, its parent, and so on."""
    pid = os.getppid()
    while pid > 1:
        yield pid
        pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def attempt(action):
    """Return "got" and how much, or the name of the error."""
    try:
        return f"got {len(action())}"
    except OSError as error:
        return type(error).__name__


def read_memory(pid):
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb") as memory:
        start = int(maps.readline().partition("-")[0], 16)
        memory.seek(start)
        return memory.read(4096)


def read_memory_by_system_call(pid):
    class Span(ctypes.Structure):
        _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]

    buffer = ctypes.create_string_buffer(8)
    here = Span(ctypes.addressof(buffer), 8)
    there = Span(id(None), 8)
    libc = ctypes.CDLL(None, use_errno=True)
    done = libc.process_vm_readv(pid, ctypes.byref(here), 1, ctypes.byref(there), 1, 0)
    error = ctypes.get_errno()
    # A bad address in a process that may be read is no protection.
    if done < 0 and error != 14:
        raise OSError(error, os.strerror(error))
    return buffer.raw


def trace(pid):
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.ptrace(0x4206, pid, None, None) < 0:  # PTRACE_SEIZE, which does not stop it
        raise OSError(ctypes.get_errno(), "ptrace")
    return "seized"


class Hunter(BaseEstimator):
    def __init__(self, places="", random_state=None):
        self.places = places
        self.random_state = random_state

    def fit(self, X, y=None):
        found = {
            "argv": sys.argv,
            "environ": [v for v in os.environ.values() if any(hint in v for hint in HINTS)],
            "attributes": sorted(vars(self)),
            "random_state": self.random_state,
            "cwd": sorted(os.listdir(".")),
            "open": sorted(
                os.readlink(p) for p in glob.glob("/proc/self/fd/*") if os.path.islink(p)
            ),
            "toy": "toy" in sys.modules,
        }
        for place in filter(None, self.places.split(":")):
            found[place] = attempt(
                lambda place=place: (
                    os.listdir(place) if os.path.isdir(place) else Path(place).read_bytes()
                )
            )
        for level, pid in enumerate(ancestors()):
            found[f"memory {level}"] = attempt(lambda pid=pid: read_memory(pid))
            found[f"vm_readv {level}"] = attempt(lambda pid=pid: read_memory_by_system_call(pid))
            found[f"ptrace {level}"] = attempt(lambda pid=pid: trace(pid))
            found[f"environ {level}"] = attempt(
                lambda pid=pid: Path(f"/proc/{pid}/environ").read_bytes()
            )
            found[f"fd {level}"] = attempt(lambda pid=pid: os.readlink(f"/proc/{pid}/fd/0"))
            if level == 1:  # the runner; what is above is the user's shell
                break
        sys.stdout.write(json.dumps(found))
        self.components_ = np.eye(X.shape[1])
        return self

    def transform(self, X):
        return np.maximum(X, 0)
