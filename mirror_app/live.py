"""What a Python session shows: its own models, inputs and visualisations, live, under a token that ends their names."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType

from mirror_app import registry
from mirror_app.images import Picture
from mirror_app.models import Model
from mirror_app.registry import Entry

MARK = "@"  # between a name and the token


@dataclass(frozen=True)
class Stage:
    """What one call of `mirror` shows: models by their name in a link, pictures, and the visualisations on offer."""

    token: str
    models: Mapping[str, Model]
    pictures: Sequence[Picture]
    entries: Sequence[Entry]


_stages: dict[str, Stage] = {}
_program: list[ModuleType] = []


def keep_program() -> None:
    """Remember the program that runs now: each run of the page takes its place as `__main__`."""
    _program[:] = [sys.modules["__main__"]]


def restore_program() -> None:
    """Put the program back into its place: what it pickles is looked for there."""
    if _program:
        sys.modules["__main__"] = _program[0]


def put(stage: Stage) -> None:
    """Let links that name a model of `stage` find it."""
    registry.lend([entry for entry in stage.entries if entry.key.endswith(MARK + stage.token)])
    _stages[stage.token] = stage


def remove(stage: Stage) -> None:
    """Forget `stage`, and hold its models no longer."""
    del _stages[stage.token]
    registry.take_back([entry for entry in stage.entries if entry.key.endswith(MARK + stage.token)])


def named(name: str, token: str) -> str:
    """Return the name in a link of what a Python session calls `name`."""
    return f"{name}{MARK}{token}"


def shown(name: str) -> str:
    """Return a name in a link as a person is shown it."""
    plain, mark, token = name.rpartition(MARK)
    return plain if mark and token in _stages else name


def stage_of(model_name: str) -> Stage | None:
    """Return the stage on which the model of that name in a link stands; None for those of the catalogue."""
    return next((stage for stage in _stages.values() if model_name in stage.models), None)


def model(name: str) -> Model | None:
    """Return the live model of that name in a link, None where there is none."""
    stage = stage_of(name)
    return stage.models[name] if stage else None
