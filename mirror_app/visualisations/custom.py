"""Adapts a user's own visualisation to the page: checks its output and reports its errors."""

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
from mirror_app.errors import MirrorError
from mirror_app.optim import PixelSpace
from mirror_app.params import Number, Parameter, declared
from mirror_app.visualisations.core.base import Attribution, Info, Visualisation

_SLACK = 0.01  # rounding may leave pixels this far outside [0, 1]
_CAPABILITIES = (
    *(
        "uses_inputs",
        "supports_all_stages",
        "needs_attention",
        "image_per_channel",
        "is_iterative",
        "starts_from_noise",
    ),
    *("ignores_model", "selected_filter"),
)


@dataclass(frozen=True)
class UserFunction:
    """A function that a user wrote, and how an error message refers to it."""

    name: str
    function: Callable[..., Any]

    @property
    def file(self) -> str:
        """The path of its source file."""
        return inspect.unwrap(self.function).__code__.co_filename

    def location(self, line: int | None = None) -> str:
        """Return the function's name, its file and a line, by default its first line."""
        first_line = inspect.unwrap(self.function).__code__.co_firstlineno
        return f"{self.name} ({Path(self.file).name}, line {line or first_line})"

    def must(self, verb: str, expected: str, actual: str) -> MirrorError:
        """Return the error for a function that does not return or yield what is expected."""
        problem = f"{self.location()} must {verb} {expected}, not {actual}."
        return MirrorError(problem, culprit=self.name, accepted=expected)

    @contextmanager
    def errors_named(self) -> Iterator[None]:
        """Turn exceptions of the function into MirrorErrors that name the line."""
        try:
            yield
        except MirrorError:
            raise
        except Exception as error:  # the user's code may raise anything
            lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == self.file]
            message = str(error).strip().partition("\n")[0][:200]
            description = f"{type(error).__name__}: {message}" if message else type(error).__name__
            location = self.location(lines[-1] if lines else None)
            problem = f"{location} fails with {description.removesuffix('.')}."
            raise MirrorError(problem, culprit=self.name) from error


def from_class(kind: type[Visualisation], params: Mapping[str, Parameter] | None, name: str) -> type[Visualisation]:
    """Return `kind` as the page runs it; `params`, unless None, are the parameters of its `__call__`."""
    if kind.__call__ is Visualisation.__call__ and params is None:
        function = UserFunction(kind.__name__, kind.attribute)

        def attribute(self: Visualisation, inputs: Tensor, layer: str, **values: Any) -> Iterator[Attribution]:
            with function.errors_named():
                for frame in _require_frames(_on_view_of(self, kind).attribute(inputs, layer, **values), function):
                    if not isinstance(frame, Attribution) or not isinstance(frame.raw, Tensor):
                        raise function.must("yield", "Attributions", f"a {type(frame).__name__}")
                    yield frame

        adapted = _adapted(name, kind, function, attribute, declared(kind.attribute), kind.look)
        for capability in _CAPABILITIES:
            setattr(adapted, capability, getattr(kind, capability))
        return adapted

    def call(visualisation: Visualisation, inputs: Tensor, layer: str, values: Mapping[str, Any]) -> Any:
        return _on_view_of(visualisation, kind)(inputs, visualisation.view.modules[layer], **values)

    function = UserFunction(kind.__name__, kind.__call__)
    return _adapted(name, kind, function, _attribute_calling(function, call), params)


def from_function(
    function: Callable[..., Any], params: Mapping[str, Parameter] | None, name: str
) -> type[Visualisation]:
    """Return `function(model, inputs, layer, **params)` as a visualisation; `model` is a private copy of the model."""
    user_function = UserFunction(function.__name__, function)

    def call(visualisation: Visualisation, inputs: Tensor, layer: str, values: Mapping[str, Any]) -> Any:
        return function(visualisation.view.module, inputs, visualisation.view.modules[layer], **values)

    return _adapted(name, function, user_function, _attribute_calling(user_function, call), params)


def _on_view_of(visualisation: Visualisation, kind: type[Visualisation]) -> Visualisation:
    """Return a new visualisation of that kind, on the view of `visualisation` and with its settings."""
    user_visualisation = kind(visualisation.view, visualisation.view.device)
    user_visualisation.mean, user_visualisation.std = visualisation.mean, visualisation.std
    user_visualisation.output = visualisation.output
    return user_visualisation


def _attribute_calling(function: UserFunction, call: Callable[..., Any]) -> Callable[..., Iterator[Attribution]]:
    """Return an `attribute` that yields what `call` returns or yields: images, or (images, info)."""

    def attribute(self: Visualisation, inputs: Tensor, layer: str, **values: Any) -> Iterator[Attribution]:
        with function.errors_named():
            result = call(self, inputs, layer, values)
            for frame in _require_frames(result, function) if inspect.isgenerator(result) else [result]:
                images, info = frame if isinstance(frame, tuple) and len(frame) == 2 else (frame, None)
                yield Attribution(_images(images, inputs, self, function), _info(info, function))

    return attribute


def _require_frames(frames: Iterable[Any], function: UserFunction) -> Iterator[Any]:
    """Yield the frames; raise MirrorError if there are none."""
    is_empty = True
    for frame in frames:
        is_empty = False
        yield frame
    if is_empty:
        problem, accepted = f"{function.location()} yields nothing", "at least one frame"
        raise MirrorError(problem, culprit=function.name, accepted=accepted, hint=f"it must yield {accepted}")


def _adapted(
    name: str,
    source: Any,
    function: UserFunction,
    attribute: Callable[..., Iterator[Attribution]],
    params: Mapping[str, Parameter] | None,
    look: render.Look = render.picture,
) -> type[Visualisation]:
    """Return a subclass of Visualisation with this `attribute`, whose signature is made to declare `params`."""
    params = _matched(declared(function.function) if params is None else params, function)
    arguments = [
        inspect.Parameter(key, inspect.Parameter.KEYWORD_ONLY, default=parameter.default)
        for key, parameter in params.items()
    ]
    attribute.__signature__ = Signature(arguments)  # type: ignore[attr-defined]
    attribute.__annotations__ = {key: Annotated[object, parameter] for key, parameter in params.items()}
    body = {
        "attribute": attribute,
        "look": look,
        "uses_layer": getattr(source, "uses_layer", True),
        "before_last": getattr(source, "before_last", False),
        "__doc__": source.__doc__ or f"{name}, defined in Python.",
        "__module__": source.__module__,
    }
    return type(source.__name__, (Visualisation,), body)


def _matched(params: Mapping[str, Parameter], function: UserFunction) -> dict[str, Parameter]:
    """Return the declared parameters; numbers get the type that the function's annotations name.

    Raises MirrorError if the function does not accept one of them, or a default is missing or not accepted.
    """
    arguments = inspect.signature(function.function).parameters
    accepts_any = any(argument.kind is argument.VAR_KEYWORD for argument in arguments.values())
    matched = {}
    for name, parameter in params.items():
        default: object = parameter.default
        if name not in arguments and not accepts_any:
            problem = f"{function.location()} takes no argument '{name}'."
            raise MirrorError(problem, culprit=name, accepted=tuple(arguments))
        if default is inspect.Parameter.empty:
            problem = f"{function.location()} needs a default for '{name}', the value that its widget starts with."
            raise MirrorError(problem, culprit=name, accepted="a default")
        if isinstance(parameter, Number) and name in arguments:
            parameter = parameter.annotated(arguments[name].annotation)
        try:
            parameter.check(parameter.default)
        except MirrorError as error:
            raise error.prefixed(f"{function.location()}: the default of ") from error
        matched[name] = parameter
    return matched


def _images(images: object, inputs: Tensor, visualisation: Visualisation, function: UserFunction) -> Tensor:
    """Return `images` (N, 1 or 3, h, w) in [0, 1]. May raise MirrorError.

    If images have the same shape as the inputs, and if some of their values lie outside [0, 1], they are taken to be
    normalised like the inputs, and the normalisation is undone.
    """
    expected = "images (N, 1 or 3, height, width) in [0, 1]"
    if not isinstance(images, Tensor):
        raise function.must("return", expected, f"a {type(images).__name__}")
    if images.ndim != 4 or images.shape[1] not in (1, 3) or not images.numel():
        raise function.must("return", expected, str(tuple(images.shape)))
    images = images.detach().to(torch.promote_types(images.dtype, torch.float32))
    if not images.isfinite().all():
        raise function.must("return", expected, "NaN or infinity")
    shown = images
    if not _in_range(images, 0) and images.shape[1:] == inputs.shape[1:] and visualisation.mean is not None:
        space = PixelSpace.of(inputs, visualisation.mean, visualisation.std)
        shown = images * space.std + space.mean
    if not _in_range(shown, _SLACK):
        low, high = images.min(), images.max()
        raise function.must("return", expected, f"values from {low:.3g} to {high:.3g}")
    return shown.clamp(0, 1)


def _in_range(images: Tensor, slack: float) -> bool:
    return bool(images.min() >= -slack and images.max() <= 1 + slack)


def _info(info: object, function: UserFunction) -> Info:
    """Return the part of `info` that the page shows: note, detail, progress and classes. May raise MirrorError."""
    if info is None:
        return Info()
    if not isinstance(info, Mapping):
        raise function.must("return", "a dictionary or None as info", f"a {type(info).__name__}")
    given = Info.of(info)
    classes = given.target_class
    is_list_of_numbers = isinstance(classes, list) and all(isinstance(number, int) for number in classes)
    return Info(
        note=str(given.note) if given.note else None,
        detail=str(given.detail) if given.detail else None,
        progress=min(max(float(given.progress), 0.0), 1.0) if isinstance(given.progress, int | float) else None,
        target_class=classes if classes and is_list_of_numbers else None,
    )
