"""One row of a benchmark: what was run and where it came from, how it ended, what it scored."""

import functools
import json
import os
import platform
import sys
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, distribution, version
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from unfold.registry import current_name

SCHEMA_VERSION = 1

RunStatus = Literal["ok", "error", "crash", "timeout", "out_of_memory", "invalid", "skipped"]
Track = Literal["blind", "informed"]
Tuning = Literal["default", "tuned"]


class Limits(BaseModel):
    """Hard limits of a cell's whole process tree."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seconds: float = Field(default=600.0, gt=0)
    bytes: int = Field(default=4 * 1024**3, gt=0)
    threads: int = Field(default=1, ge=1)


class Record(BaseModel):
    """Everything known about one cell, problem x method x seed x track; JSON round-trips it.

    A cell leaves exactly one record whatever happened to it. ``metrics`` of a cell that did not
    end ``ok`` is empty: the leaderboard scores it at the chance level, from the control rows
    (method ``control:chance`` and ``control:oracle``) of the same problem, seed and track.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: int = SCHEMA_VERSION
    key: str
    suite: str = ""
    problem: str
    problem_digest: str = ""
    #: enough to make the problem again, but for a secret salt, of which this is the fingerprint
    problem_spec: Mapping[str, Any] = {}
    salt: str = ""
    #: difficulty axes for curves and filters: family, n_features, d, density, noise, n_samples
    problem_facts: Mapping[str, Any] = {}
    method: str
    method_path: str
    family: str = ""
    params: Mapping[str, Any] = {}
    source: Mapping[str, str] = {}
    seed: int
    track: Track
    tuning: Tuning = "default"
    #: for a tuned cell: criterion, budget, what was tried and chosen
    search: Mapping[str, Any] = {}
    hints: Mapping[str, Any] = {}
    limits: Limits = Limits()
    status: RunStatus
    reason: str = ""
    exception_type: str = ""
    traceback: str = ""
    log_tail: str = ""
    exit_code: int | None = None
    warnings: tuple[str, ...] = ()
    n_atoms: int | None = None
    metrics: Mapping[str, float] = {}
    metrics_version: str = ""
    fit_seconds: float | None = None
    encode_seconds: float | None = None
    peak_bytes: int | None = None
    n_concurrent: int = 1
    command: str = ""
    environment: Mapping[str, Any] = {}
    started_at: str = ""

    @field_validator("method")
    @classmethod
    def _current(cls, method: str) -> str:
        """Call a method what it is called now: old and new results share a row."""
        return current_name(method)


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
