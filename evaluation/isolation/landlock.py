"""Linux Landlock: a process gives up, for good, every file it has not been granted.

Needs no privilege. A process in a Landlock domain can also neither trace nor signal a process
outside of it, so ``/proc/PID/mem`` of its parent is closed too. See ``landlock(7)``.
"""

import ctypes
import os
import platform
import struct
import sys
from collections.abc import Iterable
from contextlib import suppress

_CREATE, _ADD_RULE, _RESTRICT = 444, 445, 446
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1, 2, 4, 8
_FILE_RIGHTS = _EXECUTE | _WRITE_FILE | _READ_FILE | (1 << 14)  # ... and TRUNCATE
_N_FS_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15}  # by ABI; from 5 on also IOCTL_DEV, left free
_SCOPES = 3  # abstract sockets and signals, from ABI 6 on

READ = _EXECUTE | _READ_FILE | _READ_DIR
LIST = _READ_DIR
WRITE = -1


def landlock_abi() -> int:
    """Return the version of Landlock that the kernel offers, 0 where there is none."""
    if sys.platform != "linux" or platform.machine() not in ("x86_64", "aarch64", "riscv64"):
        return 0
    return max(0, _libc().syscall(_CREATE, None, ctypes.c_size_t(0), 1))


def restrict(grants: Iterable[tuple[str, int]]) -> bool:
    """Close every file to this process and its children but those granted.

    Parameters
    ----------
    grants : iterable of (path, right)
        ``READ``, ``LIST`` or ``WRITE`` (which includes reading) to everything beneath ``path``;
        paths that do not exist are skipped.

    Returns
    -------
    bool
        Whether the restriction holds; False where the kernel has no Landlock.
    """
    abi = landlock_abi()
    if not abi:
        return False
    libc = _libc()
    handled = (1 << _N_FS_RIGHTS.get(abi, 15)) - 1
    attributes = struct.pack("QQQ", handled, 0, _SCOPES if abi >= 6 else 0)
    size = 24 if abi >= 6 else 8
    ruleset = libc.syscall(_CREATE, attributes, ctypes.c_size_t(size), 0)
    if ruleset < 0:
        return False
    try:
        for path, right in grants:
            with suppress(OSError):
                _grant(libc, ruleset, path, right & handled)
        return bool(libc.syscall(_RESTRICT, ruleset, 0) == 0)
    finally:
        os.close(ruleset)


def _grant(libc: ctypes.CDLL, ruleset: int, path: str, rights: int) -> None:
    handle = os.open(path, getattr(os, "O_PATH", 0) | os.O_CLOEXEC)
    try:
        if not os.path.isdir(path):  # noqa: PTH112 - runs once a rule, in every child
            rights &= _FILE_RIGHTS
        if rights:
            libc.syscall(_ADD_RULE, ruleset, 1, struct.pack("=Qi", rights, handle), 0)
    finally:
        os.close(handle)


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)
