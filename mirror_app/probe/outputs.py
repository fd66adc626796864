"""The structure of a model's output: one tensor, or several in dictionaries, tuples and lists."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

import numpy as np
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves


@dataclass(frozen=True)
class Box:
    """A detected box.

    Attributes:
        target: The target string of the box's score.
        label: The number of the class.
        score: The model's confidence.
        corners: (left, top, right, bottom) in pixels.
    """

    target: str
    label: int
    score: float
    corners: tuple[float, float, float, float]


@dataclass(frozen=True)
class Regions:
    """The most likely class at each location, (h, w), according to one entry of an output.

    `surest` is the location (row, column) at which the logit of the most likely class is largest. Class 0 does not
    count, because it is usually the background.
    """

    entry: str
    classes: np.ndarray
    surest: tuple[int, int]

    def target(self, row: int, column: int) -> str:
        """Return the target string of the class at a location."""
        return self._target(int(self.classes[row, column]), f"{row},{column}")

    def target_in(self, rows: tuple[int, int], columns: tuple[int, int]) -> str:
        """Return the target string of the class predicted most often in a rectangle, given its first and last lines."""
        inside = self.classes[rows[0] : rows[1] + 1, columns[0] : columns[1] + 1]
        return self._target(int(np.bincount(inside.ravel()).argmax()), f"{rows[0]}-{rows[1]},{columns[0]}-{columns[1]}")

    def target_of_all(self, number: int) -> str:
        """Return the target string of class `number` wherever it is predicted."""
        return self._target(number, "predicted")

    def _target(self, number: int, where: str) -> str:
        return f":{self.entry}:{number}@{where}" if self.entry else f":{number}@{where}"


def boxes_of(output: Any) -> tuple[Box, ...]:
    """Return the boxes that a detection model found in the first picture, most confident first."""
    item = output[0] if is_list_of_dicts(output) else {}
    if not {"boxes", "scores", "labels"} <= set(item):
        return ()
    entries = zip(item["labels"].tolist(), item["scores"].tolist(), item["boxes"].tolist(), strict=True)
    return tuple(
        Box(f":scores:{number}", label, score, tuple(box)) for number, (label, score, box) in enumerate(entries)
    )


def regions_of(output: Any) -> Regions | None:
    """Return the classes by location that a segmentation model found in the first picture, or None."""
    for entry, tensor in named_tensors(output):
        if tensor.ndim == 4 and tensor.is_floating_point() and tensor.shape[1] > 1 and tensor[0, 0].numel() > 1:
            max_logits, classes = tensor[0].max(0)
            most_confident = int(max_logits.masked_fill(classes == 0, -math.inf).argmax())
            row, column = divmod(most_confident, tensor.shape[3])
            return Regions(entry, classes.cpu().numpy().astype(np.uint16), (row, column))
    return None


def single_tensor(output: Any) -> Tensor | None:
    """Return the only tensor in `output`, or the only one of shape (N, classes); None if there is no such tensor."""
    tensors = [tensor for _, tensor in named_tensors(output)]
    vectors = [tensor for tensor in tensors if tensor.ndim == 2 and tensor.is_floating_point()]
    if is_list_of_dicts(output):
        return None
    return tensors[0] if len(tensors) == 1 else vectors[0] if len(vectors) == 1 else None


def class_logits(output: Any) -> Tensor | None:
    """Return the logits (N, classes) in a model's output, or None."""
    logits = single_tensor(output)
    logits = logits if logits is None else flatten_to_rows(logits)
    return logits if logits is not None and logits.ndim == 2 and logits.is_floating_point() else None


def flatten_to_rows(tensor: Tensor) -> Tensor:
    """Return tensors such as (N, 1, K) or (N, K, 1, 1), with one long axis after the first, as (N, K)."""
    has_one_long_axis = tensor.ndim > 2 and sum(side != 1 for side in tensor.shape[1:]) <= 1
    return tensor.flatten(1) if has_one_long_axis else tensor


def describe_output(output: Any) -> str:
    """Return the tensors in a model's output as text: “out 21 × 64 × 64, aux 21 × 64 × 64”."""
    if is_list_of_dicts(output):
        return ", ".join(f"{name} {format_shape(tensor.shape)}" for name, tensor in named_tensors(output[0]))
    return ", ".join(f"{name} {format_shape(tensor.shape[1:])}".strip() for name, tensor in named_tensors(output))


def is_list_of_dicts(output: Any) -> bool:
    """Tell whether `output` is a list with one dictionary per picture, as detection models return."""
    return isinstance(output, list | tuple) and len(output) > 0 and all(isinstance(item, Mapping) for item in output)


def output_entries(output: Any) -> dict[str, Any]:
    """Return the entries of `output` by name or by index; {} if it has none."""
    if isinstance(output, Mapping):
        return {str(key): part for key, part in output.items()}
    is_sequence = isinstance(output, Sequence) and not isinstance(output, str)
    return {str(number): part for number, part in enumerate(output)} if is_sequence else {}


def as_dicts(output: Any) -> Any:
    """Return `output` with mappings, dataclasses and other objects that hold tensors converted to dictionaries."""
    if isinstance(output, Mapping):
        return {str(key): as_dicts(part) for key, part in output.items()}
    if isinstance(output, list | tuple):
        return [as_dicts(part) for part in output]
    if isinstance(output, Tensor | str) or not (attributes := _attributes(output)):
        return output
    return {name: as_dicts(part) for name, part in attributes.items()}


def _attributes(output: object) -> dict[str, Any]:
    """Return the public attributes of an object that holds tensors; {} for any other object."""
    if isinstance(output, type | nn.Module):
        return {}
    names = [field.name for field in fields(output)] if is_dataclass(output) else list(getattr(output, "__dict__", {}))
    attributes = {name: getattr(output, name) for name in names if not name.startswith("_")}
    return (
        attributes
        if any(isinstance(leaf, Tensor) for part in attributes.values() for leaf in tree_leaves(part))
        else {}
    )


def named_tensors(output: Any) -> list[tuple[str, Tensor]]:
    """Return the tensors in `output`, each with the path of entries that leads to it, as in targets."""

    def walk(value: Any, path: tuple[str, ...]) -> Iterator[tuple[str, Tensor]]:
        if isinstance(value, Tensor):
            yield ":".join(path), value
        for key, inner in output_entries(value).items():
            yield from walk(inner, (*path, key))

    return list(walk(output, ()))


def format_shape(shape: Sequence[int]) -> str:
    """Return a shape as text: “64 × 32 × 32”."""
    return " × ".join(str(side) for side in shape)
