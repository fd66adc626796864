"""The user's own models: built from a table in the settings file or read from a folder, and run on a blank picture."""

import importlib
import sys
from pathlib import Path
from typing import Any

import torch
from torch import nn

from mirror_app.errors import MirrorError
from mirror_app.images import Preprocessing
from mirror_app.models import weights
from mirror_app.models.huggingface import loading
from mirror_app.models.model import Model
from mirror_app.probe import View
from mirror_app.settings.file import settings_file, table_label
from mirror_app.settings.user_models import UserModelSettings, user_model_settings


def load(name: str) -> Model:
    """Build the model of that name and load its weights.

    Raises MirrorError if the model's table in the settings file is wrong.
    """
    file, options = settings_file(), user_model_settings()[name]
    assert file is not None
    label = table_label(name, file)
    if options.path:
        return _from_folder(name, options, file.parent, label)
    module = _build(options, file.parent, label)
    if options.weights:
        weights.load_into(module, file.parent / options.weights)
    try:
        preprocessing = Preprocessing(options.size, options.resize, options.mean, options.std, options.interpolation)
    except MirrorError as error:
        raise error.prefixed(f"{label}: ") from error
    if not preprocessing.takes_pictures:
        raise MirrorError(
            f"{label}: mean has {len(options.mean)} values, but pictures have 1, 3 or 4 channels.",
            culprit=str(options.mean),
            accepted="1, 3 or 4 values",
            hint="To show a model with another number of channels, call mirror() from Python.",
        )
    model = Model(name, module, preprocessing, (), untrained=not options.weights)
    return _with_meaning(model, options, file.parent, label)


def _from_folder(name: str, options: UserModelSettings, parent: Path, label: str) -> Model:
    path = parent / options.path
    if not path.is_dir():
        raise MirrorError(f"{label}: there is no folder '{options.path}'.", culprit=options.path)
    try:
        model = loading.load(path, name)
    except MirrorError as error:
        raise error.prefixed(f"{label}: ") from error
    is_declared = not (options.output or options.classes)
    return model if is_declared else _with_meaning(model, options, parent, label)


def _with_meaning(model: Model, options: UserModelSettings, parent: Path, label: str) -> Model:
    """Return the model with the meaning and the names of its output; raise MirrorError if they do not fit."""
    output = _sample_output(model.module, model.preprocessing, label)
    try:
        return model.with_meaning(output, options.output, _classes(options, parent, label))
    except MirrorError as error:
        raise error.prefixed(f"{label}: ") from error


def _build(options: UserModelSettings, folder: Path, label: str) -> nn.Module:
    module_name, _, function = options.factory.partition(":")
    if str(folder) not in sys.path:
        sys.path.append(str(folder))
    try:
        factory = getattr(importlib.import_module(module_name), function)
    except Exception as error:  # the user's code may raise anything
        raise MirrorError(
            f"{label}: '{options.factory}' cannot be imported: {_first_line(error)}.", culprit=options.factory
        ) from error
    try:
        module = factory(**options.arguments)
    except Exception as error:  # the user's code may raise anything
        raise MirrorError(
            f"{label}: {options.factory} raised {_first_line(error)}.", culprit=options.factory
        ) from error
    if not isinstance(module, nn.Module):
        kind = type(module).__name__
        raise MirrorError(
            f"{label}: {options.factory} returned a {kind}, not an nn.Module.", culprit=kind, accepted="an nn.Module"
        )
    return module


def _sample_output(module: nn.Module, preprocessing: Preprocessing, label: str) -> Any:
    """Return the model's output for a blank picture, or raise MirrorError if it fails."""
    try:
        with torch.no_grad():
            view = View(module)
            return view.record_calls(view.prepare_inputs(preprocessing.blank()))
    except Exception as error:  # the user's code may raise anything
        raise MirrorError(f"{label}: the model fails on a blank input: {_first_line(error)}.", culprit=label) from error


def _classes(options: UserModelSettings, folder: Path, label: str) -> tuple[str, ...]:
    if not isinstance(options.classes, str):
        return tuple(options.classes)
    try:
        return tuple((folder / options.classes).read_text(encoding="utf-8").splitlines())
    except (OSError, UnicodeDecodeError) as error:
        raise MirrorError(
            f"{label}: the class names in '{options.classes}' cannot be read.", culprit=options.classes
        ) from error


def _first_line(error: Exception) -> str:
    line = str(error).strip().partition("\n")[0].removesuffix(".")
    return f"{type(error).__name__}: {line[:200]}" if line else type(error).__name__
