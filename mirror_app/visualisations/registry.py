"""The registered visualisations, each with the parameters that it declares."""

import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from threading import Lock, RLock
from typing import Any, TypeVar

from mirror_app.errors import MirrorError, nearest
from mirror_app.params import TARGET, ClassPicker, Parameter, Value, checked, declared
from mirror_app.render import Look

Kind = TypeVar("Kind", bound=type)

_SECTION = re.compile(r"^(?:Args|Returns|Raises|Examples?|References|Deviations from the paper):$", re.MULTILINE)


class Question(Enum):
    """A question that visualisations answer: its text, and other words that people search for."""

    WHERE = "Where did the model look for its answer?", "why, explain, explanation, attribution, localisation, heatmap"
    PIXELS = (
        "Which pixels drove the answer?",
        "why, explain, explanation, pixel attribution, feature importance, heatmap",
    )
    FINDS = "What does a layer detect in this picture?", "representation, intermediate features"
    LIKENESS = "What does a filter or a class look like to the model?", "feature visualisation, features"

    def __init__(self, text: str, also: str) -> None:
        self.text, self.also = text, also


@dataclass(frozen=True)
class Entry:
    """A registered visualisation.

    Attributes:
        key: The name in links, such as "grad-cam".
        name: The name on the page.
        kind: The class of the visualisation.
        paper: The reference.
        method_params: The parameters of the computation, by name.
        render_params: The parameters of the look, which colours the raw values. Changing them needs no new computation.
        transform_params: The parameters that every visualisation has: the transformations of its inputs and raw values.
        use: When to use it.
        avoid: When not to use it.
        asks: The question that it answers.
        also: Other names for it, separated by commas.
    """

    key: str
    name: str
    kind: type[Any]
    paper: str
    method_params: Mapping[str, Parameter]
    render_params: Mapping[str, Parameter]
    transform_params: Mapping[str, Parameter] = field(default_factory=dict)
    use: str = ""
    avoid: str = ""
    asks: Question | None = None
    also: str = ""

    def __post_init__(self) -> None:
        others = {**self.render_params, **self.transform_params}
        for name in self.method_params:
            if name in others:
                raise MirrorError(
                    f"The parameter '{name}' of '{self.name}' is also a parameter of its look or of a transformation",
                    culprit=name,
                    hint="give it another name",
                )

    @property
    def summary(self) -> str:
        """The first sentence of the docstring of the visualisation."""
        return re.split(r"(?<=\.)\s", inspect.getdoc(self.kind) or "")[0]

    @property
    def description(self) -> str:
        """The docstring of the visualisation up to its first section, such as `Args:`."""
        return _SECTION.split(inspect.getdoc(self.kind) or "")[0].strip()

    @property
    def look(self) -> Look:
        """The look, which colours the raw values."""
        look: Look = self.kind.look
        return look

    @property
    def scaled(self) -> bool:
        """Whether its pictures can share a scale with other pictures."""
        return self.look.vmax is not None

    @property
    def takes_target(self) -> bool:
        """Whether it explains a target that the user can choose."""
        return isinstance(self.params.get(TARGET), ClassPicker)

    @property
    def params(self) -> dict[str, Parameter]:
        """All parameters, by name."""
        return {**self.method_params, **self.transform_params, **self.render_params}

    def canonical(self, params: Mapping[str, Value]) -> tuple[tuple[str, Value], ...]:
        """Return the parameters in the form that a `Request` holds: only those that differ from their default, sorted.

        Raises:
            MirrorError: If a parameter is unknown or its value is not accepted.
        """
        values = checked(self.params, params)
        return tuple(sorted((name, value) for name, value in values.items() if value != self.params[name].default))

    def parse(self, name: str, text: str) -> Value:
        """Return the value of the parameter `name` from the text in a link.

        Raises:
            MirrorError: If there is no such parameter, or it does not accept the value.
        """
        if name not in self.params:
            raise MirrorError(f"{self.name} has no parameter '{name[:40]}'.", culprit=name, accepted=tuple(self.params))
        return self.params[name].parse(text)


_lock = Lock()  # threads of several visitors register and look up at the same time
_entries: dict[str, Entry] = {}
_loading = RLock()  # a package may look up other visualisations while it is loaded
_loaders: list[Callable[[], None]] = []
_temporary: dict[str, Entry] = {}  # `get` finds them, `entries` does not list them


def visualisation(
    name: str, paper: str = "", use: str = "", avoid: str = "", asks: Question | None = None, also: str = ""
) -> Callable[[Kind], Kind]:
    """Return a decorator that registers a `Visualisation`, so that the page and the command line offer it.

    The annotations of its `attribute` and of its look declare its parameters.

    Args:
        name: The name on the page. The key in links is made from it.
        paper: The reference.
        use: When to use it, as a sentence for the guide.
        avoid: When not to use it.
        asks: The question that it answers.
        also: Other names for it, separated by commas.

    Returns:
        The decorator, which returns the class unchanged.

    Raises:
        MirrorError: If another class is registered under that name.

    Example:
        >>> from mirror_app import render
        >>> from mirror_app.visualisations import registry
        >>> from mirror_app.visualisations.core import Attribution, Visualisation
        >>> @registry.visualisation("Mean activation")
        ... class MeanActivation(Visualisation):
        ...     '''The mean of all feature maps.'''
        ...
        ...     look = render.heat
        ...
        ...     def attribute(self, inputs, layer):
        ...         yield Attribution(self.view.capture(inputs, layer).mean(1))
        >>> registry.get("mean-activation").summary
        'The mean of all feature maps.'
        >>> _ = registry._entries.pop("mean-activation")  # an example only: forget it again
    """

    def register(kind: Kind) -> Kind:
        key = key_of(name)
        parts = declared(kind.attribute), kind.look.params, declared(kind.frames)  # type: ignore[attr-defined]
        add(Entry(key, name, kind, paper, *parts, use, avoid, asks, also))
        return kind

    return register


def add(entry: Entry) -> None:
    """Register a visualisation; raise MirrorError if another class is registered under the same name."""
    with _lock:
        registered = _entries.setdefault(entry.key, entry)
    if registered.kind is not entry.kind:
        first, second = (f"{kind.__module__}.{kind.__qualname__}" for kind in (registered.kind, entry.kind))
        problem = f"The name '{entry.name}' is taken twice: by {first} and by {second}."
        raise MirrorError(problem, culprit=entry.name)


def key_of(name: str) -> str:
    """Return the key in links for a visualisation's name: "Grad-CAM++" gives "grad-cam-plus-plus"."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower().replace("+", "-plus")).strip("-")


def register_temporary(entries: Iterable[Entry]) -> None:
    """Register the visualisations of one Python session: `get` finds them, but other sessions do not offer them."""
    with _lock:
        _temporary.update({entry.key: entry for entry in entries})


def unregister(entries: Iterable[Entry]) -> None:
    """Remove visualisations that `register_temporary` added."""
    with _lock:
        for entry in entries:
            _temporary.pop(entry.key, None)


def before_look_up(load: Callable[[], None]) -> None:
    """Arrange for `load` to be called once, before the next look-up; it registers further visualisations."""
    _loaders.append(load)


def entries() -> list[Entry]:
    """Return all visualisations in the order of registration."""
    with _loading:  # a second thread waits until all visualisations are registered
        while _loaders:
            _loaders.pop()()
    with _lock:
        return list(_entries.values())


def get(key: str) -> Entry:
    """Return the visualisation whose key or name is `key`.

    Raises:
        MirrorError: If there is no such visualisation; the message names the nearest match.

    Example:
        >>> from mirror_app.visualisations import core, registry
        >>> registry.get("grad-cam").kind
        <class 'mirror_app.visualisations.core.cam.grad_cam.GradCam'>
    """
    registered = entries()
    with _lock:
        temporary = list(_temporary.values())
    for entry in (*registered, *temporary):
        if key in (entry.key, entry.name):
            return entry
    first = ", ".join(entry.name for entry in registered[:5])
    keys = [entry.key for entry in registered]
    hint = nearest(key, keys).strip() or f"There are {len(registered)}: {first} …"
    raise MirrorError(f"There is no visualisation '{key[:80]}'.", culprit=key, accepted=keys, hint=hint)
