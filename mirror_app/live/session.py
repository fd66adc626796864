"""Build a live session from the arguments of `mirror`: each is checked, and each model runs on the first input."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn

from mirror_app import images, live
from mirror_app.errors import MirrorError
from mirror_app.images import Picture, Preprocessing
from mirror_app.images.bands import are_bands
from mirror_app.live import LiveSession
from mirror_app.models import Model
from mirror_app.probe import View, explain_dtype_errors
from mirror_app.visualisations import registry
from mirror_app.visualisations.core import Activations
from mirror_app.visualisations.registry import Entry
from mirror_app.visualisations.web import entries_of

Input = Tensor | Image.Image | tuple[Tensor, ...]
Net = nn.Module | Model

IMAGENET = Preprocessing(size=224, resize=256, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
_UNNORMALISED = "All values lie in [0, 1], so this input may not be normalised. The model receives it unchanged."


@dataclass(frozen=True)
class PreprocessingOverrides:
    """The caller's preprocessing, class names and meaning of the output; None stands for a choice not made."""

    mean: Sequence[float] | None = None
    std: Sequence[float] | None = None
    size: int | tuple[int, int] | None = None
    classes: Sequence[str] | None = None
    output: str | None = None


def live_session(
    session_id: str,
    inputs: Input | Sequence[Input],
    model: Net | Mapping[str, Net],
    visualisations: Sequence[object] | None,
    overrides: PreprocessingOverrides,
) -> LiveSession:
    """Return a session with that id; raise MirrorError if an argument cannot be shown."""
    items = list(_single_inputs(inputs))
    nets = dict(model) if isinstance(model, Mapping) else {_name(model): model}
    if not items or not nets:
        hint = "give at least one input and one model"
        raise MirrorError("There is nothing to show", culprit="model" if items else "inputs", hint=hint)
    preprocessings = {name: _preprocessing(name, net, items, overrides) for name, net in nets.items()}
    first_preprocessing = next(iter(preprocessings.values()))
    pictures = [_picture(item, number, first_preprocessing) for number, item in enumerate(items, 1)]
    models = [_model(name, session_id, net, preprocessings[name], pictures[0], overrides) for name, net in nets.items()]
    return LiveSession(
        session_id, {model.name: model for model in models}, pictures, _entries(visualisations, session_id)
    )


def _single_inputs(inputs: object) -> Iterator[Any]:
    """Yield the inputs one by one, splitting batches."""
    for item in inputs if isinstance(inputs, list | tuple) else [inputs]:
        is_tuple = isinstance(item, tuple) and bool(item) and all(isinstance(part, Tensor) for part in item)
        if isinstance(item, Tensor) and item.ndim == 4:
            yield from item
        elif is_tuple or isinstance(item, Tensor | Image.Image):
            yield item
        else:
            kind = type(item).__name__
            accepted = "tensors, Pillow images, or tuples of tensors for a model with several inputs"
            raise MirrorError(f"An input is a {kind}.", culprit=kind, accepted=accepted, hint=f"Pass {accepted}.")


def _name(net: object) -> str:
    return net.name if isinstance(net, Model) else type(net).__name__


def _preprocessing(name: str, net: object, inputs: Sequence[Input], overrides: PreprocessingOverrides) -> Preprocessing:
    """Return the preprocessing of a model: the caller's choices, else those of the `Model`, else ImageNet's."""
    if not isinstance(net, nn.Module | Model):
        problem = f"The model '{name}' is a {type(net).__name__}, not an nn.Module."
        raise MirrorError(problem, culprit=name, accepted="an nn.Module")
    preprocessing = net.preprocessing if isinstance(net, Model) else IMAGENET
    first_inputs = [_first_input(item) for item in inputs]
    if isinstance(first := first_inputs[0], Tensor) and first.ndim == 3:
        channels, height, width = first.shape
        preprocessing = replace(preprocessing, size=(height, width), resize=max(height, width))
        if channels != len(preprocessing.mean):
            mean_value, std_value = _range_scale(first_inputs) if are_bands(channels) else (0.0, 1.0)
            preprocessing = replace(preprocessing, mean=(mean_value,) * channels, std=(std_value,) * channels)
    if (size := overrides.size) is not None:
        preprocessing = replace(preprocessing, size=size, resize=size if isinstance(size, int) else max(size))
    mean = preprocessing.mean if overrides.mean is None else overrides.mean
    std = preprocessing.std if overrides.std is None else overrides.std
    return replace(preprocessing, mean=tuple(map(float, mean)), std=tuple(map(float, std)))


def _first_input(item: Input) -> Tensor | Image.Image:
    """Return the input that is explained: the first tensor of a tuple, without its batch axis."""
    if not isinstance(item, tuple):
        return item
    return item[0][0] if item[0].ndim == 4 else item[0]


def _range_scale(inputs: Sequence[Tensor | Image.Image]) -> tuple[float, float]:
    """Return the mean and std that map [0, 1] to the range of bands whose normalisation is unknown."""
    tensors = [values for values in inputs if isinstance(values, Tensor)]
    low = min(0.0, *(float(values.min()) for values in tensors))
    high = max(1.0, *(float(values.max()) for values in tensors))
    return -low / (high - low), 1 / (high - low)


def _picture(item: Input, number: int, preprocessing: Preprocessing) -> Picture:
    name = f"input {number}"
    if isinstance(item, tuple):
        has_batch_axis = item[0].ndim == 4
        return images.with_extra_inputs(
            _picture(_first_input(item), number, preprocessing),
            [part if has_batch_axis else part[None] for part in item[1:]],
        )
    if isinstance(item, Image.Image):
        return images.from_image(item, Path(str(getattr(item, "filename", "") or name)).name)
    picture = images.from_tensor(item, name, preprocessing)
    is_suspicious = picture.looks_unnormalised and set(preprocessing.std) != {1.0}
    return replace(picture, notes=(_UNNORMALISED,)) if is_suspicious else picture


def _model(
    name: str,
    session_id: str,
    net: Net,
    preprocessing: Preprocessing,
    first: Picture,
    overrides: PreprocessingOverrides,
) -> Model:
    module = net.module if isinstance(net, Model) else net
    model = Model(live.link_name(name, session_id), module, preprocessing, (), extra_inputs=first.extra_inputs)
    view = View(module)
    view.extra_inputs = first.extra_inputs
    try:
        inputs = view.prepare_inputs(model.inputs(first))
        with torch.no_grad(), explain_dtype_errors(view.module, inputs):
            output = view.record_calls(inputs)
    except MirrorError:
        raise
    except Exception as error:  # the user's code may raise anything
        line = str(error).strip().partition("\n")[0][:200].removesuffix(".")
        problem = f"The model '{name}' does not take {first.name}: {type(error).__name__}: {line}."
        raise MirrorError(problem, culprit=name) from error
    try:
        return _with_meaning(model, net, output, overrides)
    except MirrorError as error:
        raise error.prefixed(f"The model '{name}': ") from error


def _with_meaning(model: Model, net: Net, output: Any, overrides: PreprocessingOverrides) -> Model:
    """Return `model` with the meaning and names of its output, as stated by the caller, or else by `net`."""
    declared = net.with_output(overrides.output or "") if isinstance(net, Model) else model
    kind = overrides.output or (declared.output.kind if declared.output else "")
    names = overrides.classes or declared.classes or declared.labels
    model = model.with_meaning(output, kind, names)
    return replace(model, output=declared.output or model.output)


def _entries(visualisations: Sequence[object] | None, session_id: str) -> list[Entry]:
    """Return the offered visualisations and Activations; the keys of custom ones end with the session's id."""
    registered = registry.entries()
    if visualisations is None:
        return registered
    activations = next(entry for entry in registered if entry.kind is Activations)
    offered = [
        entry if entry in registered else replace(entry, key=live.link_name(entry.key, session_id))
        for entry in entries_of(visualisations)
    ]
    return offered if activations in offered else [*offered, activations]


# Former names, which people's scripts import.
stage, Said = live_session, PreprocessingOverrides
