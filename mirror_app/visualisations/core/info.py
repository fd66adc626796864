"""The facts that are known about the raw values of a visualisation."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, TypeVar

from torch import Tensor

T = TypeVar("T")


@dataclass(frozen=True, eq=False, repr=False)
class Info(Mapping[str, Any]):
    """Facts about raw values; each fact is an attribute, which is None if the fact is not known.

    An `Info` is also a mapping from the names of the known facts to their values, and equals a dictionary with the same
    content. `info | more` adds the facts of `more`, which replace facts of the same name in `info`.

    Attributes:
        method: The name of the visualisation's class.
        layer: The dotted name of the layer, or "*" for every stage.
        params: The parameters of the method.
        target_class: The number of the explained class, for each picture.
        target: The target in words, if something other than a class is explained.
        output: The kind of the model's output, the value of an `OutputKind`.
        layers: The dotted names of the stages of the network, if there is one map for each stage.
        detail: A few words about what is shown, for the caption.
        image: What each of several images shows, such as "filter".
        baseline: The name of the picture at which the path of integrated gradients starts.
        completeness: For each picture, the sum of the contributions minus the change in the score, relative to the
            magnitude of this change.
        conservation: For each picture, the sum of the relevance divided by the logit.
        loss: For each picture, the squared distance between the layer's output and the output to match, divided by the
            square of the output to match. 0 is a match; 1 is no better than an output of zero.
        objective: For each picture, the value of the objective before the latest step of an ascent.
        curve: The mean objective at each step of an ascent so far.
        progress: The share of the work that is done, in [0, 1].
        note: A sentence that the viewer must know, such as a caution.
        prediction: The number of the most likely class, for each picture.
        raw: The raw values. Only the info that a call returns has them.
        untouched: Whether the model is unchanged. Only the info that a call returns says so.
        extra: Further facts that a method adds, by name.

    Example:
        >>> from mirror_app.visualisations.core import Info
        >>> info = Info(target_class=[3], progress=0.5) | {"progress": 1.0, "temperature": 2}
        >>> info.target_class, info["progress"], info["temperature"], info.note
        ([3], 1.0, 2, None)
        >>> "note" in info, dict(info)
        (False, {'target_class': [3], 'progress': 1.0, 'temperature': 2})
    """

    method: str | None = None
    layer: str | None = None
    params: Mapping[str, Any] | None = None
    target_class: list[int] | None = None
    target: str | None = None
    output: str | None = None
    layers: list[str] | None = None
    detail: str | None = None
    image: str | None = None
    baseline: str | None = None
    completeness: list[float] | None = None
    conservation: list[float] | None = None
    loss: list[float] | None = None
    objective: list[float] | None = None
    curve: list[float] | None = None
    progress: float | None = None
    note: str | None = None
    prediction: list[int] | None = None
    raw: Tensor | None = None
    untouched: bool | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> "Info":
        """Return `facts` as an `Info`. Facts without an attribute of that name go into `extra`."""
        if isinstance(facts, Info):
            return facts
        attributes = {name: value for name, value in facts.items() if name in _NAMES}
        return cls(**attributes, extra={name: value for name, value in facts.items() if name not in _NAMES})

    def __getitem__(self, name: str) -> Any:
        return self._facts()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._facts())

    def __len__(self) -> int:
        return len(self._facts())

    def __or__(self, more: Mapping[str, Any]) -> "Info":
        return Info.of({**self, **more})

    def __repr__(self) -> str:
        return f"Info({', '.join(f'{name}={_shown(value)}' for name, value in self.items())})"

    def _facts(self) -> dict[str, Any]:
        attributes = {name: getattr(self, name) for name in _NAMES}
        return {name: value for name, value in attributes.items() if value is not None} | dict(self.extra)


_NAMES = tuple(fact.name for fact in fields(Info) if fact.name != "extra")


def joined(infos: Sequence[Info]) -> Info:
    """Return the information about several pictures, each of which was computed alone.

    Lists with one value per picture are concatenated, and each distinct note is kept once. Everything else is taken
    from the last picture.
    """
    last = infos[-1]
    extra = {
        name: _chained(info.extra.get(name) for info in infos) if isinstance(value, list) and len(value) == 1 else value
        for name, value in last.extra.items()
    }
    return replace(
        last,
        target_class=_chained(info.target_class for info in infos),
        completeness=_chained(info.completeness for info in infos),
        conservation=_chained(info.conservation for info in infos),
        loss=_chained(info.loss for info in infos),
        objective=_chained(info.objective for info in infos),
        note=" ".join(dict.fromkeys(info.note for info in infos if info.note)) or last.note,
        extra=extra,
    )


def _chained(lists: Iterable[list[T] | None]) -> list[T] | None:
    """Return the items of all lists in one, or None if there is no list."""
    given = [items for items in lists if items is not None]
    return [item for items in given for item in items] if given else None


def _shown(value: object) -> str:
    """Return `value` as text; a tensor is shown by its shape only."""
    return f"Tensor{tuple(value.shape)}" if isinstance(value, Tensor) else repr(value)
