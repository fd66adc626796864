"""The visualisations that the page offers, and how to add your own from Python.

Add a subclass of `Visualisation`, with its widgets:

    visualisation = partial(WebInterface.from_visualisation, RepeatInput, params=params, name="Repeat")

Or add a function, whose annotations declare the widgets:

    @offer("Repeat")
    def repeat(model, inputs, layer, *, times: Annotated[int, Slider("How many times.", min=1, max=9, step=1)] = 2):
        return inputs.repeat(times, 1, 1, 1), {}
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from mirror_app.errors import MirrorError
from mirror_app.params import Value, declared
from mirror_app.visualisations import core, custom, registry
from mirror_app.visualisations.core import *  # noqa: F403
from mirror_app.visualisations.core import Visualisation
from mirror_app.visualisations.core.base import Info
from mirror_app.visualisations.core.former_names import BackProp
from mirror_app.visualisations.elements import Element, parameter
from mirror_app.visualisations.registry import Entry

Source = type[Visualisation] | Callable[..., Any]

__all__ = ["BackProp", "WebInterface", "offer"]
__all__ += core.__all__


class WebInterface:
    """A user's own visualisation, with its name on the page and a widget for each parameter.

    Args:
        source: A subclass of `Visualisation`, or a function `(model, inputs, layer, **params) -> (images, info)`.
        params: A dictionary for each widget, by the name of its argument (see `visualisations.elements.parameter`).
            Without `params`, the annotations of the source declare the widgets.
        name: The name on the page; by default, the name of the class or function.

    Raises:
        MirrorError: If the dictionary of a widget is malformed, or the source lacks the argument of a widget.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from mirror_app.visualisations.core import Visualisation
        >>> from mirror_app.visualisations.web import WebInterface
        >>> class RepeatInput(Visualisation):
        ...     def __call__(self, inputs, layer, repeat=1):
        ...         return inputs.repeat(repeat, 1, 1, 1), None
        >>> params = {"repeat": {"type": "slider", "min": 1, "max": 9, "value": 2, "step": 1}}
        >>> interface = WebInterface.from_visualisation(RepeatInput, nn.Conv2d(3, 4, 3), params=params, name="Repeat")
        >>> images, info = interface(torch.rand(1, 3, 8, 8), repeat=4)
        >>> images.shape
        torch.Size([4, 3, 8, 8])
    """

    def __init__(self, source: Source, params: Mapping[str, Element] | None = None, name: str | None = None) -> None:
        self.name = name or source.__name__
        owner = f"{self.name} ({source.__name__})"
        elements = None if params is None else {key: parameter(key, item, owner) for key, item in params.items()}
        if isinstance(source, type):
            self.kind = custom.from_class(source, elements, self.name)
        else:
            self.kind = custom.from_function(source, elements, self.name)
        self._bound: Visualisation | None = None

    @classmethod
    def from_visualisation(
        cls,
        visualisation: Source,
        model: nn.Module | None = None,
        device: torch.device | str | None = None,
        *,
        params: Mapping[str, Element] | None = None,
        name: str | None = None,
    ) -> "WebInterface":
        """Return the interface of a visualisation, ready to be called if a model is given.

        Args:
            visualisation: The class or function, the `source` of the interface.
            model: The model on which calls run. The page does not need it.
            device: The device on which calls run; by default, the device of the model.
            params: A dictionary for each widget, by the name of its argument.
            name: The name on the page.

        Returns:
            The interface.

        Raises:
            MirrorError: If the dictionary of a widget is malformed, or the source lacks the argument of a widget.
        """
        interface = cls(visualisation, params, name)
        if model is not None:
            interface._bound = interface.kind(model, device)
        return interface

    @property
    def entry(self) -> Entry:
        """The visualisation as an entry of the registry."""
        method_params = declared(self.kind.attribute)
        return Entry(registry.key_of(self.name), self.name, self.kind, "", method_params, self.kind.look.params)

    @property
    def call_params(self) -> dict[str, Value]:
        """The default of each parameter, by name."""
        return {name: declaration.default for name, declaration in self.entry.method_params.items()}

    def __call__(self, inputs: Tensor, layer: str | nn.Module | None = None, **params: Any) -> tuple[Tensor, Info]:
        """Return `(images, info)` as `Visualisation` does, on the model passed to `from_visualisation`.

        Raises:
            MirrorError: If no model was passed, or the visualisation fails.
        """
        if self._bound is None:
            hint = "pass one, as in from_visualisation(…, model, params=…)"
            raise MirrorError(f"{self.name} has no model", culprit=self.name, hint=hint)
        return self._bound(inputs, layer, **params)


def offer(name: str, params: Mapping[str, Element] | None = None) -> Callable[[Callable[..., Any]], WebInterface]:
    """Return a decorator that makes a function `(model, inputs, layer, **params) -> (images, info)` a visualisation.

    The function gets a private copy of the model in evaluation mode, the inputs (N, C, H, W) and the layer, a submodule
    of the copy. It returns images (N, 1 or 3, h, w) in [0, 1], and info, a dictionary or None. If the function yields
    pairs of images and info instead, the page shows each pair, and the last pair is the result.

    Args:
        name: The name on the page.
        params: A dictionary for each widget, by the name of its argument. Without `params`, the annotations declare the
            widgets.

    Returns:
        The decorator. It returns a `WebInterface`, to be passed to `mirror(..., visualisations=[...])`.

    Raises:
        MirrorError: If a widget does not fit the function.

    Example:
        >>> from typing import Annotated
        >>> from mirror_app.params import Slider
        >>> from mirror_app.visualisations.web import offer
        >>> @offer("Repeat")
        ... def repeat(
        ...     model, inputs, layer, *, times: Annotated[int, Slider("How many times.", min=1, max=9, step=1)] = 2
        ... ):
        ...     return inputs.repeat(times, 1, 1, 1), {"note": "The input, again and again."}
        >>> repeat.name, repeat.call_params
        ('Repeat', {'times': 2})
    """
    return lambda function: WebInterface(function, params, name)


def entries_of(visualisations: Sequence[object]) -> list[Entry]:
    """Return the registry entries of visualisations: classes, `WebInterface`s, partials that make one, or names.

    Raises:
        MirrorError: If one of them is not a visualisation, or two have the same name.
    """
    entries: dict[str, tuple[Entry, object]] = {}
    for item in visualisations:
        entry = _entry(item)
        if entry.key in entries:
            raise MirrorError(
                f"The name '{entry.name}' is taken twice: by {_name_of(entries[entry.key][1])} and {_name_of(item)}.",
                culprit=entry.name,
            )
        entries[entry.key] = entry, item
    return [entry for entry, _ in entries.values()]


def _entry(item: object) -> Entry:
    if isinstance(item, str):
        return registry.get(item)
    if isinstance(item, type) and issubclass(item, Visualisation):
        registered = next((entry for entry in registry.entries() if entry.kind is item), None)
        return registered or WebInterface(item).entry
    if inspect.isfunction(item):
        name, hint = _name_of(item), 'decorate it with @offer("a name")'
        raise MirrorError(f"{name} is a plain function", culprit=name, hint=hint)
    interface = item() if callable(item) and not isinstance(item, WebInterface | type) else item
    if not isinstance(interface, WebInterface):
        name, accepted = _name_of(item), "a class, a WebInterface or a name"
        raise MirrorError(f"{name} is not a visualisation", culprit=name, accepted=accepted, hint=f"pass {accepted}")
    return interface.entry


def _name_of(item: object) -> str:
    if isinstance(item, WebInterface):
        return f"{item.kind.__module__}.{item.kind.__qualname__}"
    inner = item.args[0] if isinstance(item, partial) and item.args else item
    return getattr(inner, "__qualname__", None) or repr(inner)[:60]
