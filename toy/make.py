"""Make problems: the public way in."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from toy.cache import digest
from toy.problem import Observed, Problem, Truth
from toy.randomness import stream
from toy.spec import ProblemSpec, fingerprint, parse
from toy.world import World, make_world
from toy.zoo.lookup import lookup, versioned

#: What a problem of ``sae_lens.synthetic`` begins with, before the file of its configuration.
SAE_LENS = "sae-lens:"


def make_problem(
    id_or_spec: str | Mapping[str, Any],
    seed: int = 0,
    device: str = "auto",
    cache: bool = True,
) -> Problem:
    """Make a problem: activations, and the truth about them.

    Parameters
    ----------
    id_or_spec : str or mapping
        "sae-lens:config.json", a configuration of ``sae_lens.synthetic``; a
        versioned id of `list_problems`; ``{"id": ..., "n_train": 20_000}``, an id with parts of
        its spec replaced; or a whole spec.
    seed : int
        Draws the world, trains the model and draws the samples.
    device : str
        Where models are trained: "auto" (CUDA where there is one), "cpu", "cuda", ...
    cache : bool
        Whether trained models are kept on disk, in ``$UNFOLD_CACHE`` or the platform's cache.

    Returns
    -------
    Problem

    Raises
    ------
    ValueError
        If the id is unknown or the spec not valid.
    """
    name, spec = resolve(id_or_spec)
    world = make_world(spec, seed, device=device, cache=cache)
    train, codes_train = world.sample(spec.n_train, stream(seed, "train"))
    test, codes_test = world.sample(spec.n_test, stream(seed, "test"))
    observed = Observed(train, test)
    truth = Truth(
        directions=world.directions,
        norms=world.norms,
        represented=world.represented,
        codes_train=codes_train,
        codes_test=codes_test,
        density=world.density,
        positive=world.positive,
        bias=world.bias,
        group=_group(spec),
    )
    dumped = spec.model_dump(mode="json")
    return Problem(name, seed, dumped, digest(_tensors(observed, truth)), observed, truth)


def _group(spec: ProblemSpec) -> np.ndarray | None:
    size = spec.features.dimension
    return None if size == 1 else np.arange(spec.features.n) // size


class Sampler:
    """Fresh data without end from the world of a problem.

    Parameters
    ----------
    world : World
    rng : numpy.random.Generator
    """

    def __init__(self, world: World, rng: np.random.Generator) -> None:
        self.world = world
        self._rng = rng

    def sample(self, n: int) -> tuple[np.ndarray, Any]:
        """Draw the next samples.

        Parameters
        ----------
        n : int

        Returns
        -------
        X : ndarray of shape (n, d), float32
        Z : ndarray or csr_array of shape (n, k)
            CSR where there are more than 128 features.
        """
        if n < 1:
            raise ValueError(f"n must be at least 1, got {n}.")
        return self.world.sample(n, self._rng)


def make_sampler(
    id_or_spec: str | Mapping[str, Any],
    seed: int = 0,
    device: str = "auto",
    cache: bool = True,
) -> Sampler:
    """Return a sampler of the same world as `make_problem`, on data that no problem holds.

    Parameters
    ----------
    id_or_spec, seed, device, cache
        As for `make_problem`.

    Returns
    -------
    Sampler
    """
    _, spec = resolve(id_or_spec)
    world = make_world(spec, seed, device=device, cache=cache)
    return Sampler(world, stream(seed, "sampler"))


def resolve(id_or_spec: str | Mapping[str, Any]) -> tuple[str, ProblemSpec]:
    """Return the name and the validated spec of what was asked for.

    An id with replaced parts is named after the id and the hash of its spec, a whole spec
    ``custom-`` and its hash.
    """
    if isinstance(id_or_spec, str) and id_or_spec.startswith(SAE_LENS):
        return _sae_lens(Path(id_or_spec.removeprefix(SAE_LENS)))
    if isinstance(id_or_spec, str):
        problem_id = versioned(id_or_spec)
        return problem_id, parse(lookup(problem_id))
    if not isinstance(id_or_spec, Mapping):
        raise ValueError(f"Give a problem id or a spec, not a {type(id_or_spec).__name__}.")
    given = dict(id_or_spec)
    base = given.pop("id", None)
    if base is None:
        spec = parse(given)
        return f"custom-{fingerprint(spec.model_dump(mode='json'))[:12]}", spec
    if not isinstance(base, str):
        raise ValueError(f"The id of a problem is a string, got {base!r}.")
    base = versioned(base)
    original = parse(lookup(base))
    spec = parse(_merge(original.model_dump(mode="json"), given))
    if spec == original:
        return base, spec
    return f"{base}+{fingerprint(spec.model_dump(mode='json'))[:12]}", spec


def _sae_lens(path: Path) -> tuple[str, ProblemSpec]:
    """Return the problem of a configuration of ``sae_lens.synthetic``, in JSON."""
    if not path.is_file():
        raise ValueError(f"No file {str(path)!r}: expected 'sae-lens:config.json'.")
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        n = config["num_features"]
    except (ValueError, RecursionError, KeyError, TypeError) as error:
        raise ValueError(
            f"{path.name!r} is no configuration of a synthetic model in JSON, as "
            f"SyntheticModelConfig.to_dict gives it ({type(error).__name__}: {error})."
        ) from error
    features = {"n": n, "gate": {"kind": "declared"}}
    spec = parse({"features": features, "source": {"kind": "sae-lens", "config": config}})
    return f"sae-lens:{path.stem}+{fingerprint(spec.model_dump(mode='json'))[:12]}", spec


def _merge(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in changes.items():
        old = merged.get(key)
        if isinstance(value, Mapping) and isinstance(old, Mapping) and _mix(old, value):
            merged[key] = _merge(old, value)
        else:
            merged[key] = value
    return merged


def _mix(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Whether parts can be mixed: training on samples, without a kind, has none of what has one."""
    return "kind" in old or "kind" not in new


def _tensors(observed: Observed, truth: Truth) -> dict[str, np.ndarray]:
    tensors = {"train": observed.train, "test": observed.test}
    for name, value in vars(truth).items():
        if value is None:
            continue
        if hasattr(value, "indptr"):
            tensors |= {f"{name}.{at}": getattr(value, at) for at in ("data", "indices", "indptr")}
        else:
            tensors[name] = np.asarray(value)
    return tensors
