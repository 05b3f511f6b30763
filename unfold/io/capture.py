"""The activations of a layer of any torch model, streamed to disk as batches go through it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unfold.io.activations import Activations, open_activations
from unfold.io.checks import listed
from unfold.io.writer import SHARD_ROWS, ActivationWriter

if TYPE_CHECKING:
    import torch


def capture(
    model: "torch.nn.Module",
    layer: "str | torch.nn.Module",
    batches: Iterable[Any],
    out: str | Path,
    *,
    tokens: str | None = None,
    dtype: str = "float16",
    drop_first: bool = False,
    resume: bool = False,
    shard_rows: int = SHARD_ROWS,
    on_batch: Callable[[int], None] | None = None,
) -> Activations:
    """Run a model on batches, and store what comes out of a layer.

    Parameters
    ----------
    model : torch.nn.Module
        Run without gradients, in evaluation mode, on the device it is on.
    layer : str or torch.nn.Module
        A submodule, or its name, as in "transformer.h.6".
    batches : iterable
        What the model is called with: a mapping goes in as keywords, a tuple or list as
        arguments, a tensor alone. Positions where a mapping's ``attention_mask`` is 0 are left
        out.
    out : str or Path
        Folder of the store.
    tokens : str, optional
        Which entry of the batches holds the tokens, as in "input_ids"; they are stored beside
        the rows.
    dtype : str
        "float16", "bfloat16", "float32" or "float64", on disk.
    drop_first : bool
        Leave out the first position of every sequence that is not masked.
    resume : bool
        Go on with a store that is there: as many batches as it holds are skipped, so the same
        batches again are the rest of an interrupted run, and more batches are appended.
    shard_rows : int
        Rows of a file, at least; memory holds as many.
    on_batch : callable, optional
        Called with the number of batches done, to report progress.

    Returns
    -------
    Activations
        Of shape (n_samples, d).

    Raises
    ------
    ValueError
        If there is no such layer, it does not run once a batch, it gives no tensor, or its
        values are not finite or do not fit into ``dtype``.
    FileExistsError
        If ``out`` holds activations, and ``resume`` is off.
    """
    import torch

    name, module = _layer(model, layer)
    facts = {
        "model": type(model).__name__,
        "layer": name,
        "tokens": tokens,
        "drop_first": drop_first,
    }
    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    seen: list[Any] = []
    handle = module.register_forward_hook(lambda _, __, output: seen.append(output))
    training = model.training
    model.eval()
    try:
        with (
            torch.no_grad(),
            ActivationWriter(
                out, dtype, facts=facts, resume=resume, shard_rows=shard_rows
            ) as writer,
        ):
            done = writer.batches_done
            for number, batch in enumerate(batches):
                if number < done:
                    continue
                seen.clear()
                _run(model, batch, device)
                if len(seen) != 1:
                    raise ValueError(
                        f"Layer {name!r} ran {len(seen)} times on batch {number}, expected once."
                    )
                writer.write(*_rows(_tensor(seen[0], name), batch, tokens, drop_first))
                if on_batch is not None:
                    on_batch(number + 1)
    finally:
        handle.remove()
        model.train(training)
    return open_activations(out)


def _layer(model: Any, layer: Any) -> tuple[str, Any]:
    named = dict(model.named_modules())
    if isinstance(layer, str):
        if layer not in named:
            import difflib

            near = difflib.get_close_matches(layer, named, n=4, cutoff=0.3) or list(named)[1:]
            raise ValueError(f"The model has no layer {layer!r}; it has {listed(near)}.")
        return layer, named[layer]
    for name, module in named.items():
        if module is layer:
            return name, module
    raise ValueError(f"layer is a {type(layer).__name__} that is no part of the model.")


def _run(model: Any, batch: Any, device: Any) -> None:
    def moved(value: Any) -> Any:
        return value.to(device) if hasattr(value, "to") else value

    if isinstance(batch, Mapping):
        model(**{name: moved(value) for name, value in batch.items()})
    elif isinstance(batch, Sequence):
        model(*map(moved, batch))
    else:
        model(moved(batch))


def _tensor(output: Any, name: str) -> Any:
    """Return the activations in what a layer gives: itself, or the first of its parts."""
    import torch

    if isinstance(output, Mapping):
        output = tuple(output.values())
    while isinstance(output, (tuple, list)) and output:
        output = output[0]
    if not isinstance(output, torch.Tensor) or not output.is_floating_point() or output.ndim < 2:
        what = getattr(output, "shape", type(output).__name__)
        raise ValueError(f"Layer {name!r} gives {what}, expected a tensor (..., d) of numbers.")
    return output


def _rows(H: Any, batch: Any, tokens: str | None, drop_first: bool) -> tuple[Any, Any]:
    """Return the rows of a batch that are to be kept, and their tokens."""
    import torch

    keep = torch.ones(H.shape[:-1], dtype=torch.bool, device=H.device)
    entries = batch if isinstance(batch, Mapping) else {}
    mask = entries.get("attention_mask")
    if mask is not None and mask.shape == keep.shape:
        keep = mask.to(H.device) != 0
    if drop_first:
        if H.ndim < 3:
            raise ValueError(f"Activations of shape {tuple(H.shape)} have no first position.")
        # With padding on the left, the first position is the first that is not masked.
        keep = keep & (keep.cumsum(dim=-1) > 1)
    ids = None
    if tokens is not None:
        if tokens not in entries or entries[tokens].shape != keep.shape:
            raise ValueError(
                f"Batches have no entry {tokens!r} of shape {tuple(keep.shape)}; they have "
                f"{listed(entries)}."
            )
        ids = entries[tokens].to(H.device)[keep].cpu().numpy()
    H = H[keep]
    return (H if H.dtype == torch.float64 else H.float()).cpu().numpy(), ids
