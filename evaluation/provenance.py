"""Where a result came from: versions, commit of the installed package, machine."""

import functools
import json
import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, distribution, version
from typing import Any

_PACKAGES = ("numpy", "scipy", "scikit-learn", "torch", "numba", "unfold-superposition")


@functools.cache
def environment() -> dict[str, Any]:
    """Return what is known of this machine and its software, as JSON.

    The commit is that of the installed distribution (PEP 610), not of the working directory.
    """
    return {
        "python": platform.python_version(),
        "os": f"{platform.system()} {platform.release()} {platform.machine()}",
        "cpu": _processor(),
        "n_cpus": os.cpu_count(),
        "packages": {name: found for name in _PACKAGES if (found := _version(name))},
        "origin": _origin(),
    }


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _origin() -> str:
    try:
        text = distribution("unfold-superposition").read_text("direct_url.json")
    except PackageNotFoundError:
        return ""
    url = json.loads(text or "{}")
    if url.get("dir_info", {}).get("editable"):
        return "editable"
    return str(url.get("vcs_info", {}).get("commit_id", ""))


def _processor() -> str:
    if sys.platform == "linux":
        try:
            with open("/proc/cpuinfo", encoding="utf-8") as file:  # noqa: PTH123
                for line in file:
                    if line.startswith("model name"):
                        return line.partition(":")[2].strip()
        except OSError:
            pass
    return platform.processor() or platform.machine()
