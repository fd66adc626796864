"""What many dictionaries hold at one moment, to find those that hold something else later."""

import gc
from itertools import chain
from typing import Any

from mirror_app.probe.containers import are_same, is_identical

Dictionary = dict[Any, Any]


class Snapshot:
    """The contents of `dictionaries` at one moment. Only those that are not empty are copied: most of a model's are.

    Whether nothing has changed is found in a few passes over all dictionaries at once.
    """

    def __init__(self, dictionaries: list[Dictionary]) -> None:
        self._dictionaries = dictionaries
        self._filled = [*filter(None, dictionaries)]
        self._contents = [*map(dict, self._filled)]
        self._lengths = [*map(len, self._filled)]
        self._keys = [*chain.from_iterable(self._filled)]
        self._objects = gc.get_referents(*self._filled)

    def changes(self) -> list[tuple[Dictionary, Dictionary]]:
        """Return each dictionary that no longer holds the same objects in the same order, with what it held."""
        filled = [*filter(None, self._dictionaries)]
        if (
            are_same(filled, self._filled)
            and are_same(gc.get_referents(*filled), self._objects)
            and [*map(len, filled)] == self._lengths
            and [*chain.from_iterable(filled)] == self._keys
        ):
            return []
        held: dict[int, tuple[Dictionary, Dictionary]] = {id(dictionary): (dictionary, {}) for dictionary in filled}
        for dictionary, content in zip(self._filled, self._contents, strict=True):
            held[id(dictionary)] = dictionary, content
        return [pair for pair in held.values() if not is_identical(*pair)]
