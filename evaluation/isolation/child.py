"""What a child process does: load a method, fit it, encode, write arrays, leave.

A task is a dict of plain JSON. "describe" asks what a method's constructor takes; "fit" gives
activations, parameters and a seed. Nothing in either tells what the activations are made of.
"""

import contextlib
import json
import os
import resource
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from evaluation.isolation import sandbox
from evaluation.isolation.warm_up import keep_compiled_code_to_oneself

RESULT, ESTIMATE = "result.json", "estimate.safetensors"


class InvalidEstimate(ValueError):
    """A fitted method that holds nothing one could score."""


def main(task: dict[str, Any], log: int) -> NoReturn:
    """Become the process that runs ``task``, and never return.

    Parameters
    ----------
    task : dict
        "action": "describe" or "fit"; "method": its path; "workdir": where to write; "data": where
        ``train.npy`` and ``test.npy`` are; "params"; "sys_path", "readable", "code": folders.
    log : int
        File descriptor that takes whatever the method prints.
    """
    os.setsid()
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGPIPE):
        signal.signal(signum, signal.SIG_DFL)
    null = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((null, 0), (log, 1), (log, 2)):
        os.dup2(source, target)
    os.closerange(3, 1024)
    os.chdir(task["workdir"])
    os.environ.update(HOME=task["workdir"], TMPDIR=task["workdir"], PWD=task["workdir"])
    # whoever asked before the fork has fixed it to a folder that is closed from here on
    tempfile.tempdir = task["workdir"]
    sys.argv, sys.stdout, sys.stderr = [""], os.fdopen(1, "w"), os.fdopen(2, "w")
    sys.path.extend(path for path in task["sys_path"] if path not in sys.path)
    _give_up_privileges(task)
    keep_compiled_code_to_oneself()
    code = 0
    try:
        _write_result(_attempt(task))
    except BaseException:
        traceback.print_exc()
        code = 1
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)


def _give_up_privileges(task: Mapping[str, Any]) -> None:
    sandbox.die_with_parent()
    whole, code = sandbox.interpreter_paths()
    data = [task["data"]] if task.get("data") else []
    sandbox.drop_privileges()
    sandbox.enclose([*whole, *data, *task["readable"]], [*code, *task["code"]], [task["workdir"]])


def _attempt(task: Mapping[str, Any]) -> dict[str, Any]:
    """Run the action; an exception is a result."""
    base = _peak_bytes()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        try:
            result = _describe(task) if task["action"] == "describe" else _fit(task)
        except InvalidEstimate as error:
            result = {"status": "invalid", "reason": str(error)}
        except MemoryError as error:
            result = {"status": "out_of_memory", "reason": f"MemoryError: {error}"}
        except ModuleNotFoundError as error:
            result = _failure(error) | {"status": "skipped"}
        except BaseException as error:
            result = _failure(error)
    result["peak_bytes"] = max(0, _peak_bytes() - base)
    result["warnings"] = list(
        dict.fromkeys(f"{item.category.__name__}: {item.message}"[:500] for item in caught)
    )[:20]
    return result


def _failure(error: BaseException) -> dict[str, Any]:
    own = {__file__}
    frames = traceback.TracebackException.from_exception(error)
    frames.stack = traceback.StackSummary.from_list(
        [frame for frame in frames.stack if frame.filename not in own]
    )
    text = str(error).strip()
    return {
        "status": "error",
        "reason": f"{type(error).__name__}: {text}"[:500] if text else type(error).__name__,
        "exception_type": type(error).__name__,
        "traceback": "".join(frames.format())[-8000:],
    }


def _describe(task: Mapping[str, Any]) -> dict[str, Any]:
    """Say what the constructor takes, which hints the class declares, what it is."""
    from unfold import declarations
    from unfold.registry import get_method

    method = get_method(task["method"])
    defaults = declarations.constructor_parameters(method)
    space = declarations.declared_search_space(method)
    return {
        "status": "ok",
        "defaults": {name: jsonable(value) for name, value in defaults.items()},
        "hints": declarations.declared_hints(method),
        "told_nothing": declarations.is_told_nothing(method),
        "family": str(getattr(getattr(method, "card", None), "family", "")),
        "search_space": {name: [jsonable(v) for v in values] for name, values in space.items()},
    }


def jsonable(value: Any) -> Any:
    """Return ``value`` as JSON that is the same for the same value, whatever it is."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Mapping):
        return {str(key): jsonable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [jsonable(item) for item in value]
    name = f"{type(value).__module__}.{type(value).__qualname__}"
    if hasattr(value, "get_params"):
        return {"class": name, "params": jsonable(value.get_params(deep=True))}
    text = repr(value)
    return name if " at 0x" in text else text


def _fit(task: Mapping[str, Any]) -> dict[str, Any]:
    from unfold.registry import get_method

    train, test = (np.load(Path(task["data"], f"{name}.npy"), "r") for name in ("train", "test"))
    method, params = get_method(task["method"]), dict(task["params"])
    result: dict[str, Any] = {"status": "ok"}
    if task.get("search"):
        from evaluation.isolation.tuning import tune

        result["search"] = tune(method, params, task["search"], train)
        params |= result["search"]["chosen"]
    estimator = method(**params)
    began = time.perf_counter()
    fitted = estimator.fit(train)
    result["fit_seconds"] = time.perf_counter() - began
    dictionary, norms = _dictionary(estimator if fitted is None else fitted)
    began = time.perf_counter()
    codes = _codes(estimator, test)
    result["encode_seconds"] = time.perf_counter() - began
    arrays = {"dictionary": dictionary}
    groups = getattr(estimator, "groups_", None)
    if groups is not None:
        arrays["groups"] = np.asarray(groups)
    if codes is not None:
        from evaluation.isolation.estimates import pack_codes

        scalable = codes.ndim == 2 and codes.shape[1] == len(norms)
        arrays |= pack_codes(codes * norms) if scalable else {"codes_test": codes}
    _write_arrays(arrays)
    return result


def _dictionary(estimator: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return unit-norm atoms and the norms they had."""
    from unfold.arrays import atoms_of, to_numpy, unit_rows

    try:
        atoms = np.asarray(to_numpy(atoms_of(estimator)), dtype=np.float64)
    except (AttributeError, ValueError, TypeError) as error:
        raise InvalidEstimate(f"After fit there is no dictionary: {error}") from error
    unit, norms = np.asarray(unit_rows(atoms)), np.linalg.norm(atoms, axis=1)
    return unit.astype(np.float32), norms.astype(np.float32)


def _codes(estimator: Any, test: np.ndarray) -> np.ndarray | None:
    """Return the codes of held-out activations; None where a method has no encoder."""
    from unfold.arrays import to_numpy

    if not hasattr(estimator, "transform"):
        return None
    codes = estimator.transform(test)
    codes = codes.toarray() if hasattr(codes, "toarray") else to_numpy(codes)
    if np.iscomplexobj(codes):
        raise InvalidEstimate("transform returned complex numbers: expected real codes")
    try:
        return np.asarray(codes, dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise InvalidEstimate(f"transform returned no array of numbers: {error}") from error


def _write_arrays(arrays: Mapping[str, np.ndarray]) -> None:
    from safetensors.numpy import save_file

    save_file({name: np.ascontiguousarray(a) for name, a in arrays.items()}, f"{ESTIMATE}.part")
    Path(f"{ESTIMATE}.part").rename(ESTIMATE)


def _write_result(result: Mapping[str, Any]) -> None:
    Path(f"{RESULT}.part").write_text(json.dumps(result))
    Path(f"{RESULT}.part").rename(RESULT)


def _peak_bytes() -> int:
    scale = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale
