"""The owner's own models: a TOML file, named by MIRROR_SETTINGS or `--settings`, with a table for each.

[flowers]
factory = "flower_nets:small"       # module:function; the file's folder is searched for the module too
arguments = { classes = 5 }         # of the function
weights = "flowers.safetensors"     # beside the file, or a whole path
classes = ["daisy", "rose", "tulip", "iris", "lily"]    # or a text file, a line each
size = 224                          # or [height, width]
resize = 256
mean = [0.485, 0.456, 0.406]
std = [0.229, 0.224, 0.225]
interpolation = "bilinear"
output = "classes"                  # what its numbers are: an OutputKind
"""

import math
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mirror_app.errors import MirrorError, nearest
from mirror_app.probe.output_kind import OutputKind

LARGEST = 4096  # pixels: the side of an input
_WAYS = ("bilinear", "bicubic", "nearest")
_WANTED = {
    "factory": 'the text "module:function"',
    "weights": "the path of a file",
    "arguments": "a table of the factory's arguments",
    "classes": "a list of names, or the path of a text file",
    "size": f"a whole number up to {LARGEST}, or [height, width],",
    "resize": f"a whole number up to {LARGEST}",
    "mean": "a list of numbers, one a channel,",
    "std": "a list of numbers above 0, one a channel,",
    "interpolation": f"one of {', '.join(_WAYS)}",
    "output": f"one of {', '.join(OutputKind)}",
}
_CHOICES: dict[str, tuple[str, ...]] = {"interpolation": _WAYS, "output": tuple(OutputKind)}


@dataclass(frozen=True)
class UserModelSettings:
    """One table of the settings file; the preprocessing is ImageNet's where it is not said.

    Without `resize`, a `size` that is said is cut from pictures that just hold it.
    """

    factory: str
    weights: str = ""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    classes: list[str] | str = field(default_factory=list)
    size: int | tuple[int, int] = 224
    resize: int = 256
    mean: tuple[float, ...] = (0.485, 0.456, 0.406)
    std: tuple[float, ...] = (0.229, 0.224, 0.225)
    interpolation: str = "bilinear"
    output: str = ""


def user_models() -> dict[str, UserModelSettings]:
    """Return the owner's models by name, none where no file is named; raise MirrorError for what is wrong in it."""
    path = file()
    if path is None:
        return {}
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise MirrorError(f"The settings file '{path}' cannot be read: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise MirrorError(f"The settings file '{path.name}' is not valid TOML: {error}.") from error
    return {name: _owned(table_label(name, path), table) for name, table in tables.items()}


def file() -> Path | None:
    """Return the settings file, None where none is named."""
    named = os.environ.get("MIRROR_SETTINGS")
    return Path(named).expanduser().resolve() if named else None


def table_label(name: str, path: Path) -> str:
    """Return how a sentence says which table of which file it is about."""
    return f"[{name}] in '{path.name}'"


def _owned(where: str, table: object) -> UserModelSettings:
    if not isinstance(table, dict):
        raise MirrorError(f"{where} is no table: a model's settings are needed.")
    for key, value in table.items():
        if key not in _WANTED:
            raise MirrorError(
                f"{where} has no key '{key[:40]}': there are {', '.join(_WANTED)}.{nearest(key, _WANTED)}"
            )
        if not _fits(key, value):
            hint = nearest(value, _CHOICES[key]) if key in _CHOICES and isinstance(value, str) else ""
            raise MirrorError(f"{where}: {key} cannot be {str(value)[:60]!r}: {_WANTED[key]} is needed.{hint}")
    if "factory" not in table:
        raise MirrorError(f'{where} needs a factory, as in factory = "module:function".')
    said: dict[str, Any] = {
        key: tuple(value) if key in ("size", "mean", "std") and isinstance(value, list) else value
        for key, value in table.items()
    }
    if "size" in said and "resize" not in said:
        said["resize"] = max(_sides(said["size"]))
    found = UserModelSettings(**said)
    if found.resize < max(_sides(found.size)):
        raise MirrorError(f"{where}: resize {found.resize} leaves less than the size {found.size} that is cut out.")
    return found


def _fits(key: str, value: object) -> bool:
    match key:
        case "factory":
            return isinstance(value, str) and all(value.partition(":"))
        case "weights":
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
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value <= LARGEST


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _sides(size: int | tuple[int, int]) -> tuple[int, int]:
    return size if isinstance(size, tuple) else (size, size)
