"""A snapshot finds each dictionary that holds something else than before, and nothing else."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import pytest

from mirror_app.probe.containers import refill
from mirror_app.probe.snapshot import Dictionary, Snapshot

ONE, SAME = [1], [1]  # equal, but not the same object


def replace_by_an_equal_object(attributes: Dictionary, _hooks: Dictionary, _empty: Dictionary) -> None:
    attributes["first"] = SAME


def rename(attributes: Dictionary, _hooks: Dictionary, _empty: Dictionary) -> None:
    attributes["third"] = attributes.pop("second")


def reorder(attributes: Dictionary, _hooks: Dictionary, _empty: Dictionary) -> None:
    attributes["first"] = attributes.pop("first")


def reorder_hooks(_attributes: Dictionary, hooks: Any, _empty: Dictionary) -> None:
    hooks.move_to_end(1)


def remove(_attributes: Dictionary, hooks: Dictionary, _empty: Dictionary) -> None:
    hooks.clear()


def fill(_attributes: Dictionary, _hooks: Dictionary, empty: Dictionary) -> None:
    empty[0] = None


def move_to_the_next(attributes: Dictionary, hooks: Any, _empty: Dictionary) -> None:
    hooks["second"] = attributes.pop("second")
    hooks.move_to_end("second", last=False)


CHANGES = {  # and the numbers of the dictionaries that each of them changes
    replace_by_an_equal_object: [0],
    rename: [0],
    reorder: [0],
    reorder_hooks: [1],
    remove: [1],
    fill: [2],
    move_to_the_next: [0, 1],
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_snapshot_finds_what_has_changed_and_what_was_there(change: Callable[..., None]) -> None:
    dictionaries: list[Dictionary] = [{"first": ONE, "second": 2}, OrderedDict({1: "a", 2: "b"}), {}]
    before = [[*dictionary.items()] for dictionary in dictionaries]
    snapshot = Snapshot(dictionaries)
    assert snapshot.changes() == []
    change(*dictionaries)
    pairs = snapshot.changes()
    assert {id(dictionary) for dictionary, _ in pairs} == {id(dictionaries[number]) for number in CHANGES[change]}
    for pair in pairs:
        refill(*pair)
    assert [[*dictionary.items()] for dictionary in dictionaries] == before
    assert dictionaries[0]["first"] is ONE
    assert snapshot.changes() == []
