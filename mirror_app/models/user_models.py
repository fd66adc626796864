"""An owner's model, from its table in the settings file: built, given its weights, and tried."""

import importlib
import sys
from pathlib import Path
from typing import Any

import torch
from torch import nn

from mirror_app.errors import MirrorError
from mirror_app.images import Preprocessing
from mirror_app.models import settings, weights
from mirror_app.models.model import Model
from mirror_app.probe import View


def load(name: str) -> Model:
    """Build the owner's model of that name and give it its weights; raise MirrorError."""
    file, said = settings.file(), settings.owned()[name]
    assert file is not None
    where = settings.where(name, file)
    module = _built(said, file.parent, where)
    if said.weights:
        weights.load_into(module, file.parent / said.weights)
    try:
        preprocessing = Preprocessing(said.size, said.resize, said.mean, said.std, said.interpolation)
    except MirrorError as error:
        raise MirrorError(f"{where}: {error}") from error
    if not preprocessing.takes_pictures:
        raise MirrorError(
            f"{where}: mean has {len(said.mean)} numbers, and pictures have 1, 3 or 4 channels: show a model of bands "
            "with mirror(), from Python."
        )
    output = _output(module, preprocessing, where)
    model = Model(name, module, preprocessing, (), untrained=not said.weights)
    try:
        return model.explained(output, said.output, _classes(said, file.parent, where))
    except MirrorError as error:
        raise MirrorError(f"{where}: {error}") from error


def _built(said: settings.Owned, folder: Path, where: str) -> nn.Module:
    module_name, _, function = said.factory.partition(":")
    if str(folder) not in sys.path:
        sys.path.append(str(folder))
    try:
        factory = getattr(importlib.import_module(module_name), function)
    except Exception as error:  # the owner's own code
        raise MirrorError(f"{where}: '{said.factory}' cannot be imported: {_first_line(error)}.") from error
    try:
        module = factory(**said.arguments)
    except Exception as error:  # the owner's own code
        raise MirrorError(f"{where}: {said.factory} fails with {_first_line(error)}.") from error
    if not isinstance(module, nn.Module):
        raise MirrorError(f"{where}: {said.factory} gives a {type(module).__name__}, where an nn.Module is needed.")
    return module


def _output(module: nn.Module, preprocessing: Preprocessing, where: str) -> Any:
    """Return what the model gives for one picture, which shows as well that it takes one."""
    try:
        with torch.no_grad():
            view = View(module)
            return view.record_calls(view.prepare_inputs(preprocessing.blank()))
    except Exception as error:  # the owner's own code
        raise MirrorError(f"{where} does not work: {_first_line(error)}.") from error


def _classes(said: settings.Owned, folder: Path, where: str) -> tuple[str, ...]:
    if not isinstance(said.classes, str):
        return tuple(said.classes)
    try:
        return tuple((folder / said.classes).read_text(encoding="utf-8").splitlines())
    except (OSError, UnicodeDecodeError) as error:
        raise MirrorError(f"{where}: the class names in '{said.classes}' cannot be read.") from error


def _first_line(error: Exception) -> str:
    line = str(error).strip().partition("\n")[0].removesuffix(".")
    return f"{type(error).__name__}: {line[:200]}" if line else type(error).__name__
