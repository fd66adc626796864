"""Names are words of the field, or plain English for what they hold: the words below are not used as names."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import ROOT

# Not a part of any name, whatever it means there.
NEVER = {
    "aim": "explain_target, default_target, objective",
    "said": "options, message, caption",
    "told": "info, message, caption",
    "lend": "register_temporary",
    "lent": "register_temporary",
    "lid": "overlay",
    "settle": "resolve",
    "twin": "clone",
    "revive": "redirect_dead_relu",
    "climb": "run",
    "shelf": "ModelCache",
    "shot": "FrameSnapshot",
    "dreamer": "RunSlot",
    "honesty": "provenance",
    "meanwhile": "on_progress",
    "judged": "what the model's answer is asked for",
    "goods": "the thing's name",
    "staging": "live_session",
}
# Ordinary words, which say nothing when they are the whole name.
NOT_ALONE = {
    "found": "the name of what was found: layout, answers",
    "seen": "model_input_rgb, visited",
    "place": "cell, slot, position, location",
    "beside": "extra_inputs, right_column",
    "around": "transform_params, outermost_like, hooked, ancestors",
    "reach": "outputs_of, radius",
    "peak": "vmax",
    "largest": "vmax",
    "computed": "method_params",
    "coloured": "render_params",
    "kept": "the name of what is kept",
    "known": "cached_result, the name of what is known",
    "keep": "store_result",
    "small": "thumbnail",
    "there": "is_loaded, the name of what is there",
    "hold": "set_if_changed",
    "trial": "trust",
    "first_look": "default_layer",
    "say": "on_progress, caption",
    "asked": "requested, target",
    "wanted": "expected, target",
    "begun": "initial",
    "unit": "neuron",
}
# What links, downloaded code or people's scripts name.
PUBLIC = {
    "mirror_app/images/preprocessing.py": {"as_seen"},
    "mirror_app/live/session.py": {"Said"},
    "mirror_app/visualisations/core/synthesis/filter_visualisation.py": {"aim"},
}
FILES = sorted(path for room in ("mirror_app", "pages", "benchmarks") for path in (ROOT / room).rglob("*.py"))


def names(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Yield each name that the code gives to something, with its line."""
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name) | ast.arg(arg=name):
                yield name, node.lineno
            case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
                yield name, node.lineno
            case ast.alias(asname=str(name)):
                yield name, node.lineno


def instead_of(name: str) -> str | None:
    """Return what to write instead of `name`, None where it is a good one."""
    lower = name.strip("_").lower()
    return NOT_ALONE.get(lower) or next((NEVER[part] for part in lower.split("_") if part in NEVER), None)


def bad_names(source: str, public: frozenset[str] | set[str] = frozenset()) -> list[str]:
    """Return a line for each name in `source` that is not used, but for those that are `public`."""
    return [
        f"line {line}: {name} (write {instead})"
        for name, line in names(ast.parse(source))
        if name not in public and (instead := instead_of(name))
    ]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_names_say_what_they_hold(path: Path) -> None:
    public = PUBLIC.get(path.relative_to(ROOT).as_posix(), set())
    assert bad_names(path.read_text(encoding="utf-8"), public) == []


@pytest.mark.parametrize(
    "source",
    ["def settle(x): ...", "found = 1", "class Dreamer: ...", "def f(said): ...", "self.lid = 1", "import a as told",
     "for place in x: ...", "[seen for seen in x]", "with a as _kept: ...", "x_said_y: int = 2"],
)  # fmt: skip
def test_a_name_that_says_nothing_is_noticed(source: str) -> None:
    assert bad_names(source)


@pytest.mark.parametrize("source", ["place_by_place = 1", "is_known = 1", "x.found()", "print(seen)", "unseen = 1"])
def test_ordinary_words_are_allowed(source: str) -> None:
    assert not bad_names(source)


def test_every_public_exception_is_still_there() -> None:
    for path, public in PUBLIC.items():
        given = {name for name, _ in names(ast.parse((ROOT / path).read_text(encoding="utf-8")))}
        assert public <= given, path
