"""The models of a settings file: one table for each."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mirror_app.errors import MirrorError
from mirror_app.probe.output_kind import OutputKind
from mirror_app.settings.file import SERVER, require_valid, settings_file, table_label, tables_of

MAX_SIDE = 4096  # pixels: the side of an input
_INTERPOLATIONS = ("bilinear", "bicubic", "nearest")
_EXPECTED = {
    "path": "the path of a folder",
    "factory": 'the text "module:function"',
    "weights": "the path of a file",
    "arguments": "a table of the factory's arguments",
    "classes": "a list of names, or the path of a text file",
    "size": f"a whole number up to {MAX_SIDE}, or [height, width]",
    "resize": f"a whole number up to {MAX_SIDE}",
    "mean": "a list of numbers, one per channel",
    "std": "a list of numbers above 0, one per channel",
    "interpolation": f"one of {', '.join(_INTERPOLATIONS)}",
    "output": f"one of {', '.join(OutputKind)}",
}
_CHOICES: dict[str, tuple[str, ...]] = {"interpolation": _INTERPOLATIONS, "output": tuple(OutputKind)}


@dataclass(frozen=True)
class UserModelSettings:
    """One table of the settings file; the default preprocessing is ImageNet's.

    If `size` is given without `resize`, `resize` is the longer side of `size`. A model has a `factory`, or a `path` to
    a folder that a library saved, which states its own preprocessing.
    """

    factory: str = ""
    path: str = ""
    weights: str = ""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    classes: list[str] | str = field(default_factory=list)
    size: int | tuple[int, int] = 224
    resize: int = 256
    mean: tuple[float, ...] = (0.485, 0.456, 0.406)
    std: tuple[float, ...] = (0.229, 0.224, 0.225)
    interpolation: str = "bilinear"
    output: str = ""


def user_model_settings() -> dict[str, UserModelSettings]:
    """Return the settings of the user's models by name, {} without a settings file; raise MirrorError if invalid."""
    path = settings_file()
    if path is None:
        return {}
    return {name: _parsed(table, table_label(name, path)) for name, table in tables_of(path).items() if name != SERVER}


def _parsed(table: object, label: str) -> UserModelSettings:
    if not isinstance(table, dict):
        accepted = "a table of model settings"
        raise MirrorError(f"{label} is not {accepted}.", culprit=label, accepted=accepted)
    require_valid(table, label, _EXPECTED, _CHOICES, _is_valid)
    if "factory" not in table and "path" not in table:
        raise MirrorError(
            f'{label} needs factory = "module:function" or path = "folder".',
            culprit=label,
            accepted=_EXPECTED["factory"],
        )
    if "path" in table and (unused := set(table) - {"path", "classes", "output"}):
        raise MirrorError(
            f"{label}: {min(unused)} cannot be used together with path: the folder already states it.",
            culprit=min(unused),
            accepted=("path", "classes", "output"),
        )
    values: dict[str, Any] = {
        key: tuple(value) if key in ("size", "mean", "std") and isinstance(value, list) else value
        for key, value in table.items()
    }
    if "size" in values and "resize" not in values:
        values["resize"] = max(_sides(values["size"]))
    settings = UserModelSettings(**values)
    if settings.resize < max(_sides(settings.size)):
        raise MirrorError(
            f"{label}: resize {settings.resize} must not be smaller than size {settings.size}.",
            culprit=str(settings.resize),
            accepted=f"{max(_sides(settings.size))} or more",
        )
    return settings


def _is_valid(key: str, value: object) -> bool:
    match key:
        case "factory":
            return isinstance(value, str) and all(value.partition(":"))
        case "weights" | "path":
            return isinstance(value, str) and value != ""
        case "arguments":
            return isinstance(value, dict)
        case "classes":
            return isinstance(value, str) or (isinstance(value, list) and all(isinstance(name, str) for name in value))
        case "interpolation" | "output":
            return value in _CHOICES[key]
        case "size" if isinstance(value, list):
            return len(value) == 2 and all(map(_is_side, value))
        case "size" | "resize":
            return _is_side(value)
        case _:
            return isinstance(value, list) and all(
                _is_number(number) and (key == "mean" or number > 0) for number in value
            )


def _is_side(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value <= MAX_SIDE


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _sides(size: int | tuple[int, int]) -> tuple[int, int]:
    return size if isinstance(size, tuple) else (size, size)
