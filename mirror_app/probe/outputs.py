"""What a model's output is made of: one tensor, or several in dictionaries, tuples and lists."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

import numpy as np
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves


@dataclass(frozen=True)
class Box:
    """A box that a detection model found: the target that asks for its score, and (left, top, right, bottom) pixels."""

    target: str
    label: int
    score: float
    corners: tuple[float, float, float, float]


@dataclass(frozen=True)
class Regions:
    """The most likely class (h, w) at each place of the `entry` of an output.

    `surest` is the place, (row, column), of the largest logit that wins, but for the ground's: by custom, class 0's.
    """

    entry: str
    classes: np.ndarray
    surest: tuple[int, int]

    def target(self, row: int, column: int) -> str:
        """Return the target that asks for what stands at a place."""
        entry = f"{self.entry}:" if self.entry else ""
        return f":{entry}{self.classes[row, column]}@{row},{column}"


def boxes_of(output: Any) -> tuple[Box, ...]:
    """Return the boxes that a detection model found in the first picture, the surest first."""
    item = output[0] if is_list_of_dicts(output) else {}
    if not {"boxes", "scores", "labels"} <= set(item):
        return ()
    found = zip(item["labels"].tolist(), item["scores"].tolist(), item["boxes"].tolist(), strict=True)
    return tuple(Box(f":scores:{number}", label, score, tuple(box)) for number, (label, score, box) in enumerate(found))


def regions_of(output: Any) -> Regions | None:
    """Return the classes by place that a segmentation model gives for the first picture; None where there are none."""
    for entry, part in named_tensors(output):
        if part.ndim == 4 and part.is_floating_point() and part.shape[1] > 1 and part[0, 0].numel() > 1:
            largest, classes = part[0].max(0)
            surest = int(largest.masked_fill(classes == 0, -math.inf).argmax())
            row, column = divmod(surest, part.shape[3])
            return Regions(entry, classes.cpu().numpy().astype(np.uint16), (row, column))
    return None


def single_tensor(output: Any) -> Tensor | None:
    """Return the one tensor in `output` that can be meant: its only one, or the only (N, classes) among others."""
    found = [part for _, part in named_tensors(output)]
    vectors = [part for part in found if part.ndim == 2 and part.is_floating_point()]
    if is_list_of_dicts(output):
        return None
    return found[0] if len(found) == 1 else vectors[0] if len(vectors) == 1 else None


def class_logits(output: Any) -> Tensor | None:
    """Return the logits (N, classes) in a model's output; None where it answers with something else."""
    found = single_tensor(output)
    found = found if found is None else flatten_to_rows(found)
    return found if found is not None and found.ndim == 2 and found.is_floating_point() else None


def flatten_to_rows(found: Tensor) -> Tensor:
    """Return (N, K) of (N, 1, K), (N, K, 1, 1) and the like, where only one axis behind the first is longer than 1."""
    is_row = found.ndim > 2 and sum(side != 1 for side in found.shape[1:]) <= 1
    return found.flatten(1) if is_row else found


def describe_output(output: Any) -> str:
    """Return what a model's output is made of, in words: “out 21 × 64 × 64, aux 21 × 64 × 64”."""
    if is_list_of_dicts(output):
        return ", ".join(f"{name} {format_shape(part.shape)}" for name, part in named_tensors(output[0]))
    return ", ".join(f"{name} {format_shape(part.shape[1:])}".strip() for name, part in named_tensors(output))


def is_list_of_dicts(output: Any) -> bool:
    """Tell whether `output` is a list with one dictionary for each item of the batch, as detection models give."""
    return isinstance(output, list | tuple) and len(output) > 0 and all(isinstance(item, Mapping) for item in output)


def entries_of(output: Any) -> dict[str, Any]:
    """Return the entries of `output` by their names, or by their numbers; none where it has no entries."""
    if isinstance(output, Mapping):
        return {str(key): part for key, part in output.items()}
    is_row = isinstance(output, Sequence) and not isinstance(output, str)
    return {str(number): part for number, part in enumerate(output)} if is_row else {}


def as_dicts(output: Any) -> Any:
    """Return `output` with dictionaries in place of other mappings, dataclasses and objects with tensors in them."""
    if isinstance(output, Mapping):
        return {str(key): as_dicts(part) for key, part in output.items()}
    if isinstance(output, list | tuple):
        return [as_dicts(part) for part in output]
    if isinstance(output, Tensor | str) or not (own := _attributes(output)):
        return output
    return {name: as_dicts(part) for name, part in own.items()}


def _attributes(output: object) -> dict[str, Any]:
    """Return the public attributes of an object that holds tensors; none of one that does not."""
    if isinstance(output, type | nn.Module):
        return {}
    named = [field.name for field in fields(output)] if is_dataclass(output) else list(getattr(output, "__dict__", {}))
    own = {name: getattr(output, name) for name in named if not name.startswith("_")}
    return own if any(isinstance(leaf, Tensor) for part in own.values() for leaf in tree_leaves(part)) else {}


def named_tensors(output: Any) -> list[tuple[str, Tensor]]:
    """Return the tensors in `output` by the entries that lead to them, as a target names them."""

    def walk(part: Any, way: tuple[str, ...]) -> Iterator[tuple[str, Tensor]]:
        if isinstance(part, Tensor):
            yield ":".join(way), part
        for key, inner in entries_of(part).items():
            yield from walk(inner, (*way, key))

    return list(walk(output, ()))


def format_shape(shape: Sequence[int]) -> str:
    """Return a shape in words: “64 × 32 × 32”."""
    return " × ".join(str(side) for side in shape)
