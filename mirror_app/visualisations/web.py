"""What the page offers, from Python: the visualisations that there are, and the way to bring one's own.

visualisation = partial(WebInterface.from_visualisation, RepeatInput, params=params, name="Repeat")

@offer("Repeat")
def repeat(model, inputs, layer, *, times: Annotated[int, Slider("How often.", min=1, max=9, step=1)] = 2):
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
    """A visualisation under the name that the page shows, with a widget for each of its parameters.

    `params` are elements as `visualisations.elements` takes them; without them, the annotations declare the widgets.
    Raises MirrorError for what does not fit.
    """

    def __init__(self, source: Source, params: Mapping[str, Element] | None = None, name: str | None = None) -> None:
        self.name = name or source.__name__
        where = f"{self.name} ({source.__name__})"
        elements = None if params is None else {key: parameter(key, said, where) for key, said in params.items()}
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
        """Return the interface of `visualisation`, a class or a function; on `model`, where one is given."""
        interface = cls(visualisation, params, name)
        if model is not None:
            interface._bound = interface.kind(model, device)
        return interface

    @property
    def entry(self) -> Entry:
        """It as the registry has one."""
        computed, coloured = declared(self.kind.attribute), declared(self.kind.look)
        return Entry(registry.key_of(self.name), self.name, self.kind, "", computed, coloured)

    @property
    def call_params(self) -> dict[str, Value]:
        """The values that the parameters begin with."""
        return {name: known.default for name, known in self.entry.method_params.items()}

    def __call__(self, inputs: Tensor, layer: str | nn.Module | None = None, **params: Any) -> tuple[Tensor, Info]:
        """Return `(images, info)` as `Visualisation` does, on the model that `from_visualisation` was given."""
        if self._bound is None:
            raise MirrorError(f"{self.name} has no model: give it one, as in from_visualisation(…, model, params=…).")
        return self._bound(inputs, layer, **params)


def offer(name: str, params: Mapping[str, Element] | None = None) -> Callable[[Callable[..., Any]], WebInterface]:
    """Make a function `(model, inputs, layer, **params) -> (images, info)` a visualisation called `name`.

    `model` is a private copy in evaluation mode and `layer` a submodule of it. A function that yields (images, info)
    shows its progress; the last is the result.
    """
    return lambda function: WebInterface(function, params, name)


def entries_of(said: Sequence[object]) -> list[Entry]:
    """Return the entries of what a person named: classes, interfaces, partials of them, names; raise MirrorError."""
    found: dict[str, tuple[Entry, object]] = {}
    for item in said:
        entry = _entry(item)
        if entry.key in found:
            raise MirrorError(
                f"The name '{entry.name}' is taken twice: by {_called(found[entry.key][1])} and {_called(item)}."
            )
        found[entry.key] = entry, item
    return [entry for entry, _ in found.values()]


def _entry(item: object) -> Entry:
    if isinstance(item, str):
        return registry.get(item)
    if isinstance(item, type) and issubclass(item, Visualisation):
        known = next((entry for entry in registry.entries() if entry.kind is item), None)
        return known or WebInterface(item).entry
    if inspect.isfunction(item):
        raise MirrorError(f'{_called(item)} is a plain function: write @offer("a name") above it.')
    made = item() if callable(item) and not isinstance(item, WebInterface | type) else item
    if not isinstance(made, WebInterface):
        raise MirrorError(f"{_called(item)} is no visualisation: a class, a WebInterface or a name is needed.")
    return made.entry


def _called(item: object) -> str:
    if isinstance(item, WebInterface):
        return f"{item.kind.__module__}.{item.kind.__qualname__}"
    inner = item.args[0] if isinstance(item, partial) and item.args else item
    return getattr(inner, "__qualname__", None) or repr(inner)[:60]
