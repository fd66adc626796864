"""The owner's own models: a settings file, named by MIRROR_SETTINGS, with a table for each.

[flowers]
factory = "flower_nets:small"       # module:function; the file's folder is searched for the module too
arguments = { classes = 5 }         # of the function
weights = "flowers.safetensors"     # beside the file, or a whole path
classes = ["daisy", "rose", "tulip", "iris", "lily"]    # or a text file, a line each
size = 224
resize = 256
mean = [0.485, 0.456, 0.406]
std = [0.229, 0.224, 0.225]
"""

import importlib
import os
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import torch
from torch import nn

from mirror_app.errors import MirrorError, nearest
from mirror_app.images import Preprocessing
from mirror_app.models import weights_file
from mirror_app.models.model import Model
from mirror_app.probe import View

_KINDS = {"factory": str, "weights": str, "arguments": dict, "size": int, "resize": int, "interpolation": str}


@dataclass(frozen=True)
class Owned:
    """One table of the settings file; the preprocessing is ImageNet's where it is not said."""

    factory: str
    weights: str = ""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    classes: list[str] | str = field(default_factory=list)
    size: int = 224
    resize: int = 256
    mean: tuple[float, ...] = (0.485, 0.456, 0.406)
    std: tuple[float, ...] = (0.229, 0.224, 0.225)
    interpolation: str = "bilinear"


def owned() -> dict[str, Owned]:
    """Return the owner's models by name, none where no file is named; raise MirrorError for what is wrong in it."""
    file = _file()
    if file is None:
        return {}
    try:
        tables = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise MirrorError(f"The settings file '{file}' cannot be read.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise MirrorError(f"The settings file '{file.name}' is no TOML: {error}.") from error
    return {name: _owned(f"[{name}] in '{file.name}'", table) for name, table in tables.items()}


def load(name: str) -> Model:
    """Build the owner's model of that name and give it its weights; raise MirrorError."""
    file, said = _file(), owned()[name]
    assert file is not None
    where = f"[{name}] in '{file.name}'"
    module = _built(said, file.parent, where)
    if said.weights:
        weights_file.load_into(module, file.parent / said.weights)
    try:
        preprocessing = Preprocessing(said.size, said.resize, said.mean, said.std, said.interpolation)
    except MirrorError as error:
        raise MirrorError(f"{where}: {error}") from error
    outputs = _outputs(module, preprocessing, where)
    classes = _classes(said, file.parent, where) or tuple(f"class {number}" for number in range(outputs))
    if len(classes) != outputs:
        raise MirrorError(f"{where} names {len(classes)} classes, and the model has {outputs}.")
    return Model(name, module, preprocessing, classes, untrained=not said.weights)


def _file() -> Path | None:
    named = os.environ.get("MIRROR_SETTINGS")
    return Path(named).expanduser().resolve() if named else None


def _owned(where: str, table: object) -> Owned:
    if not isinstance(table, dict):
        raise MirrorError(f"{where} is no table: a model's settings are needed.")
    known = [known.name for known in fields(Owned)]
    for key, value in table.items():
        if key not in known:
            raise MirrorError(f"{where} has no key '{key}': there are {', '.join(known)}.{nearest(key, known)}")
        if not _fits(key, value):
            raise MirrorError(f"{where}: {key} cannot be {str(value)[:60]!r}.")
    if "factory" not in table:
        raise MirrorError(f'{where} needs a factory, as in factory = "module:function".')
    numbers = {key: tuple(map(float, table[key])) for key in ("mean", "std") if key in table}
    return Owned(**{**table, **numbers})


def _fits(key: str, value: object) -> bool:
    if key in ("mean", "std"):
        return isinstance(value, list) and all(isinstance(number, int | float) for number in value)
    if key == "classes":
        return isinstance(value, str) or (isinstance(value, list) and all(isinstance(name, str) for name in value))
    if key == "interpolation":
        return value in ("bilinear", "bicubic", "nearest")
    if key in ("size", "resize"):
        return isinstance(value, int) and 0 < value <= 4096
    return isinstance(value, _KINDS[key])


def _built(said: Owned, folder: Path, where: str) -> nn.Module:
    module_name, _, function = said.factory.partition(":")
    if str(folder) not in sys.path:
        sys.path.append(str(folder))
    try:
        factory = getattr(importlib.import_module(module_name), function)
    except (ImportError, AttributeError, ValueError) as error:
        raise MirrorError(f"{where}: there is no '{said.factory}': {error}.") from error
    try:
        module = factory(**said.arguments)
    except Exception as error:  # the owner's own code
        raise MirrorError(f"{where}: {said.factory} fails with {type(error).__name__}: {error}.") from error
    if not isinstance(module, nn.Module):
        raise MirrorError(f"{where}: {said.factory} gives a {type(module).__name__}, where an nn.Module is needed.")
    return module


def _outputs(module: nn.Module, preprocessing: Preprocessing, where: str) -> int:
    """Return how many numbers the model gives for one picture, which shows as well that it takes one."""
    try:
        with torch.no_grad():
            output = View(module).trace(preprocessing.blank())
    except Exception as error:  # the owner's own code
        raise MirrorError(f"{where} does not work: {type(error).__name__}: {str(error).splitlines()[0]}.") from error
    return output.shape[-1] if output.ndim == 2 else 0


def _classes(said: Owned, folder: Path, where: str) -> tuple[str, ...]:
    if not isinstance(said.classes, str):
        return tuple(said.classes)
    try:
        return tuple((folder / said.classes).read_text(encoding="utf-8").splitlines())
    except (OSError, UnicodeDecodeError) as error:
        raise MirrorError(f"{where}: the class names in '{said.classes}' cannot be read.") from error
