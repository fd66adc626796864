"""Adapts a user's own visualisation to the page: its output is checked, and its errors are reported."""

import inspect
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from inspect import Signature
from pathlib import Path
from typing import Annotated, Any

import torch
from torch import Tensor

from mirror_app import render
from mirror_app.errors import MirrorError, nearest
from mirror_app.optim import PixelSpace
from mirror_app.params import Number, Parameter, declared
from mirror_app.visualisations.core.base import Attribution, Info, Visualisation

_SLACK = 0.01  # how far from [0, 1] rounding may leave a picture


@dataclass(frozen=True)
class Culprit:
    """The function that a person wrote, and how a sentence points to it."""

    name: str
    function: Callable[..., Any]

    @property
    def file(self) -> str:
        return inspect.unwrap(self.function).__code__.co_filename

    def at(self, line: int | None = None) -> str:
        """Return its name, its file and a line: that where it begins, where no other is said."""
        begins = inspect.unwrap(self.function).__code__.co_firstlineno
        return f"{self.name} ({Path(self.file).name}, line {line or begins})"

    @contextmanager
    def told(self) -> Iterator[None]:
        """Tell what goes wrong in it as a MirrorError that names the line."""
        try:
            yield
        except MirrorError:
            raise
        except Exception as error:  # a person's own code
            lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == self.file]
            first = str(error).strip().partition("\n")[0][:200]
            what = f"{type(error).__name__}: {first}" if first else type(error).__name__
            raise MirrorError(
                f"{self.at(lines[-1] if lines else None)} fails with {what.removesuffix('.')}."
            ) from error


def from_class(kind: type[Visualisation], params: Mapping[str, Parameter] | None, name: str) -> type[Visualisation]:
    """Return the visualisation as the page runs it; `params`, where they are said, are those of its `__call__`."""
    if kind.__call__ is Visualisation.__call__ and params is None:
        culprit = Culprit(kind.__name__, kind.attribute)

        def attribute(self: Visualisation, inputs: Tensor, layer: str, **given: Any) -> Iterator[Attribution]:
            with culprit.told():
                for frame in _some(_on_view(kind, self).attribute(inputs, layer, **given), culprit):
                    if not isinstance(frame, Attribution) or not isinstance(frame.raw, Tensor):
                        raise MirrorError(f"{culprit.at()} yields a {type(frame).__name__}: an Attribution is needed.")
                    yield frame

        made = _kind(name, kind, culprit, attribute, declared(kind.attribute), kind.look)
        made.supports_all_stages = kind.supports_all_stages
        return made

    def call(visualisation: Visualisation, inputs: Tensor, layer: str, given: Mapping[str, Any]) -> Any:
        own = _on_view(kind, visualisation)
        return own(inputs, visualisation.view.modules[layer], **given)

    culprit = Culprit(kind.__name__, kind.__call__)
    return _kind(name, kind, culprit, _calling(culprit, call), params)


def from_function(
    function: Callable[..., Any], params: Mapping[str, Parameter] | None, name: str
) -> type[Visualisation]:
    """Return `function(model, inputs, layer, **params)` as a visualisation; `model` is the private copy."""
    culprit = Culprit(function.__name__, function)

    def call(visualisation: Visualisation, inputs: Tensor, layer: str, given: Mapping[str, Any]) -> Any:
        return function(visualisation.view.module, inputs, visualisation.view.modules[layer], **given)

    return _kind(name, function, culprit, _calling(culprit, call), params)


def _on_view(kind: type[Visualisation], visualisation: Visualisation) -> Visualisation:
    own = kind(visualisation.view, visualisation.view.device)
    own.mean, own.std, own.output = visualisation.mean, visualisation.std, visualisation.output
    return own


def _calling(culprit: Culprit, call: Callable[..., Any]) -> Callable[..., Iterator[Attribution]]:
    """Return an `attribute` that calls what gives (images, info), or yields them as frames."""

    def attribute(self: Visualisation, inputs: Tensor, layer: str, **given: Any) -> Iterator[Attribution]:
        with culprit.told():
            result = call(self, inputs, layer, given)
            for frame in _some(result, culprit) if inspect.isgenerator(result) else [result]:
                images, info = frame if isinstance(frame, tuple) and len(frame) == 2 else (frame, None)
                yield Attribution(_images(images, inputs, self, culprit), _info(info, culprit))

    return attribute


def _some(frames: Iterable[Any], culprit: Culprit) -> Iterator[Any]:
    """Yield the frames; raise MirrorError where there are none."""
    there = False
    for frame in frames:
        there = True
        yield frame
    if not there:
        raise MirrorError(f"{culprit.at()} yields nothing: the last of its frames is the picture.")


def _kind(
    name: str,
    source: Any,
    culprit: Culprit,
    attribute: Callable[..., Iterator[Attribution]],
    params: Mapping[str, Parameter] | None,
    look: render.Look = render.picture,
) -> type[Visualisation]:
    """Return a Visualisation with that `attribute`, whose signature says what `params` declare."""
    params = _matched(declared(culprit.function) if params is None else params, culprit)
    arguments = [
        inspect.Parameter(key, inspect.Parameter.KEYWORD_ONLY, default=known.default) for key, known in params.items()
    ]
    attribute.__signature__ = Signature(arguments)  # type: ignore[attr-defined]
    attribute.__annotations__ = {key: Annotated[object, known] for key, known in params.items()}
    body = {
        "attribute": attribute,
        "look": staticmethod(look),
        "of_layer": getattr(source, "of_layer", True),
        "before_last": getattr(source, "before_last", False),
        "__doc__": source.__doc__ or f"{name}, brought from Python.",
        "__module__": source.__module__,
    }
    return type(source.__name__, (Visualisation,), body)


def _matched(params: Mapping[str, Parameter], culprit: Culprit) -> dict[str, Parameter]:
    """Return the declared parameters, numbers in the type that the function's own annotations name.

    Raises MirrorError where they are not those that the function takes.
    """
    takes = inspect.signature(culprit.function).parameters
    free = any(argument.kind is argument.VAR_KEYWORD for argument in takes.values())
    matched = {}
    for name, known in params.items():
        default: object = known.default
        if name not in takes and not free:
            raise MirrorError(f"{culprit.at()} takes no argument '{name}'.{nearest(name, takes)}")
        if default is inspect.Parameter.empty:
            raise MirrorError(f"{culprit.at()} gives '{name}' no default: its widget must begin somewhere.")
        if isinstance(known, Number) and name in takes:
            known = known.annotated(takes[name].annotation)
        try:
            known.check(known.default)
        except MirrorError as error:
            raise MirrorError(f"{culprit.at()}: the default of {error}") from error
        matched[name] = known
    return matched


def _images(images: object, inputs: Tensor, visualisation: Visualisation, culprit: Culprit) -> Tensor:
    """Return `images` (N, 1 or 3, h, w) in [0, 1]; what is like the input is un-normalised; raise MirrorError."""
    wanted = "images (N, 1 or 3, height, width) in [0, 1] are needed"
    if not isinstance(images, Tensor):
        raise MirrorError(f"{culprit.at()} gives a {type(images).__name__}, where {wanted}.")
    if images.ndim != 4 or images.shape[1] not in (1, 3) or not images.numel():
        raise MirrorError(f"{culprit.at()} gives {tuple(images.shape)}, where {wanted}.")
    images = images.detach().to(torch.promote_types(images.dtype, torch.float32))
    if not images.isfinite().all():
        raise MirrorError(f"{culprit.at()} gives numbers that are not finite, where {wanted}.")
    shown = images
    if not _in_range(images, 0) and images.shape[1:] == inputs.shape[1:] and visualisation.mean is not None:
        space = PixelSpace.of(inputs, visualisation.mean, visualisation.std)
        shown = images * space.std + space.mean
    if not _in_range(shown, _SLACK):
        low, high = images.min(), images.max()
        raise MirrorError(f"{culprit.at()} gives numbers from {low:.3g} to {high:.3g}, where {wanted}.")
    return shown.clamp(0, 1)


def _in_range(images: Tensor, slack: float) -> bool:
    return bool(images.min() >= -slack and images.max() <= 1 + slack)


def _info(info: object, culprit: Culprit) -> Info:
    """Return what the page understands of `info`: a note, a detail, the progress, the classes; raise MirrorError."""
    if info is None:
        return {}
    if not isinstance(info, Mapping):
        raise MirrorError(
            f"{culprit.at()} gives a {type(info).__name__} as info, where a dictionary or None is needed."
        )
    found: Info = {key: str(info[key]) for key in ("note", "detail") if info.get(key)}
    if isinstance(progress := info.get("progress"), int | float):
        found["progress"] = min(max(float(progress), 0.0), 1.0)
    target = info.get("target_class")
    if isinstance(target, list) and target and all(isinstance(number, int) for number in target):
        found["target_class"] = target
    return found
