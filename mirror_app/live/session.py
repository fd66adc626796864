"""What a person hands to `mirror` becomes a live session: each thing is looked at, and tried once, first."""

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
_PLAIN = "All its numbers lie in [0, 1], as if it were not normalised: the model gets it exactly so."


@dataclass(frozen=True)
class PreprocessingOverrides:
    """What the caller says about the preprocessing of pictures, the names of the classes, and what the output means."""

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
    said: PreprocessingOverrides,
) -> LiveSession:
    """Return the session of that id; raise MirrorError for what cannot be shown."""
    given = list(_each(inputs))
    nets = dict(model) if isinstance(model, Mapping) else {_name(model): model}
    if not given or not nets:
        raise MirrorError("There is nothing to show: at least one input and one model are needed.")
    scales = {name: _preprocessing(name, net, given, said) for name, net in nets.items()}
    pictures = [_picture(item, number, next(iter(scales.values()))) for number, item in enumerate(given, 1)]
    models = [_model(name, session_id, net, scales[name], pictures[0], said) for name, net in nets.items()]
    return LiveSession(
        session_id, {model.name: model for model in models}, pictures, _entries(visualisations, session_id)
    )


def _each(inputs: object) -> Iterator[Any]:
    """Yield the inputs one by one; a batch becomes its items."""
    for item in inputs if isinstance(inputs, list | tuple) else [inputs]:
        several = isinstance(item, tuple) and bool(item) and all(isinstance(part, Tensor) for part in item)
        if isinstance(item, Tensor) and item.ndim == 4:
            yield from item
        elif several or isinstance(item, Tensor | Image.Image):
            yield item
        else:
            raise MirrorError(
                f"An input is a {type(item).__name__}: tensors, Pillow pictures, and of a model that takes several "
                "tensors, tuples of them are accepted."
            )


def _name(net: object) -> str:
    return net.name if isinstance(net, Model) else type(net).__name__


def _preprocessing(name: str, net: object, given: Sequence[Input], said: PreprocessingOverrides) -> Preprocessing:
    """Return what pictures go through: as it is said, else as the catalogue has it, else ImageNet's."""
    if not isinstance(net, nn.Module | Model):
        raise MirrorError(f"The model '{name}' is a {type(net).__name__}: an nn.Module is needed.")
    found = net.preprocessing if isinstance(net, Model) else IMAGENET
    tensors = [_looked_at(item) for item in given]
    if isinstance(first := tensors[0], Tensor) and first.ndim == 3:
        channels, height, width = first.shape
        found = replace(found, size=(height, width), resize=max(height, width))
        if channels != len(found.mean):
            shift, scale = _own_range(tensors) if are_bands(channels) else (0.0, 1.0)
            found = replace(found, mean=(shift,) * channels, std=(scale,) * channels)
    if said.size is not None:
        found = replace(found, size=said.size, resize=said.size if isinstance(said.size, int) else max(said.size))
    mean, std = (found.mean if said.mean is None else said.mean), (found.std if said.std is None else said.std)
    return replace(found, mean=tuple(map(float, mean)), std=tuple(map(float, std)))


def _looked_at(item: Input) -> Tensor | Image.Image:
    """Return the part of an input that is looked at: of a tuple the first tensor, without the axis of its batch."""
    if not isinstance(item, tuple):
        return item
    return item[0][0] if item[0].ndim == 4 else item[0]


def _own_range(inputs: Sequence[Tensor | Image.Image]) -> tuple[float, float]:
    """Return the mean and the deviation with which bands whose normalisation nobody told of lie in [0, 1]."""
    tensors = [values for values in inputs if isinstance(values, Tensor)]
    low = min(0.0, *(float(values.min()) for values in tensors))
    high = max(1.0, *(float(values.max()) for values in tensors))
    return -low / (high - low), 1 / (high - low)


def _picture(item: Input, number: int, preprocessing: Preprocessing) -> Picture:
    name = f"input {number}"
    if isinstance(item, tuple):
        whole = item[0].ndim == 4  # a batch of one, as the model takes it
        return images.with_extra_inputs(
            _picture(_looked_at(item), number, preprocessing),
            [part if whole else part[None] for part in item[1:]],
        )
    if isinstance(item, Image.Image):
        return images.from_image(item, Path(str(getattr(item, "filename", "") or name)).name)
    picture = images.from_tensor(item, name, preprocessing)
    return replace(picture, notes=(_PLAIN,)) if picture.plain and set(preprocessing.std) != {1.0} else picture


def _model(
    name: str, session_id: str, net: Net, preprocessing: Preprocessing, first: Picture, said: PreprocessingOverrides
) -> Model:
    module = net.module if isinstance(net, Model) else net
    model = Model(live.named(name, session_id), module, preprocessing, (), extra_inputs=first.extra_inputs)
    view = View(module)
    view.extra_inputs = first.extra_inputs
    try:
        inputs = view.prepare_inputs(model.inputs(first))
        with torch.no_grad(), explain_dtype_errors(view.module, inputs):
            output = view.record_calls(inputs)
    except MirrorError:
        raise
    except Exception as error:  # a person's own code
        line = str(error).strip().partition("\n")[0][:200].removesuffix(".")
        raise MirrorError(f"The model '{name}' does not take {first.name}: {type(error).__name__}: {line}.") from error
    try:
        return _explained(model, net, output, said)
    except MirrorError as error:
        raise MirrorError(f"The model '{name}': {error}") from error


def _explained(model: Model, net: Net, output: Any, said: PreprocessingOverrides) -> Model:
    """Return `model` with what its numbers mean and are called: as the caller says, else as `net` itself does."""
    brought = net.with_output(said.output or "") if isinstance(net, Model) else model
    word = said.output or (brought.output.kind if brought.output else "")
    explained = model.explained(output, word, said.classes or brought.classes or brought.labels)
    return replace(explained, output=brought.output or explained.output)


def _entries(visualisations: Sequence[object] | None, session_id: str) -> list[Entry]:
    """Return what is offered: all, or what is said and Weights; one's own has the id at the end of its key."""
    known = registry.entries()
    if visualisations is None:
        return known
    weights = next(entry for entry in known if entry.kind is Activations)
    found = entries_of(visualisations)
    found = [entry if entry in known else replace(entry, key=live.named(entry.key, session_id)) for entry in found]
    return found if weights in found else [*found, weights]


# The names of the first version, which people's scripts import.
stage, Said = live_session, PreprocessingOverrides
