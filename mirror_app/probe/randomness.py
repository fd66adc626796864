"""The random numbers that a model draws as it runs: the same each time, and none of the caller's."""

import copy
import random
import threading
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch

SEED = 0
Generator = Any  # of PyTorch, NumPy or Python


class SeededGenerators:
    """`with Generators(...):` runs with the process's generators begun at one seed, and gives them back as they were.

    `own` are pairs of generators: a copy's, and the source's, from where the copy's begins each time. `devices` are
    those of the model. `drew` tells whether any was drawn from. The process's generators are there only once: one
    thread at a time runs with them.
    """

    _taken = threading.RLock()

    def __init__(self, own: Iterable[tuple[Generator, Generator]], devices: Iterable[torch.device]) -> None:
        self.drew = False
        self._own = list(own)
        of_devices = [torch.cuda.default_generators[d.index or 0] for d in devices if d.type == "cuda"]
        shared: list[Generator] = [torch.default_generator, *of_devices, random, np.random.mtrand._rand]
        self._begins = [(generator, state_of(_begun(generator))) for generator in shared]
        self._before: list[Any] = []

    def __enter__(self) -> None:
        self._taken.acquire()
        self._before = [state_of(generator) for generator, _ in self._begins]
        for generator, begin in self._begins:
            set_state(generator, begin)
        for mine, source in self._own:
            set_state(mine, state_of(source))

    def __exit__(self, *_: object) -> None:
        try:
            begins = [*self._begins, *((mine, state_of(source)) for mine, source in self._own)]
            self.drew = self.drew or not all(_is_same(state_of(generator), begin) for generator, begin in begins)
            for (generator, _begin), before in zip(self._begins, self._before, strict=True):
                set_state(generator, before)
        finally:
            self._taken.release()


def is_generator(value: object) -> bool:
    return type(value) in (torch.Generator, np.random.Generator, np.random.RandomState, random.Random)


def copied(generator: Generator) -> Generator:
    return generator.clone_state() if isinstance(generator, torch.Generator) else copy.deepcopy(generator)


def state_of(generator: Generator) -> Any:
    if isinstance(generator, torch.Generator):
        return generator.get_state()
    if isinstance(generator, np.random.Generator):
        return generator.bit_generator.state
    return generator.get_state() if isinstance(generator, np.random.RandomState) else generator.getstate()


def set_state(generator: Generator, state: Any) -> None:
    if isinstance(generator, np.random.Generator):
        generator.bit_generator.state = state
        return
    is_python = not isinstance(generator, torch.Generator | np.random.RandomState)
    put: Callable[[Any], None] = generator.setstate if is_python else generator.set_state
    put(state)


def _begun(generator: Generator) -> Generator:
    """Return a generator of the kind of `generator`, at the seed."""
    if isinstance(generator, torch.Generator):
        return torch.Generator(generator.device).manual_seed(SEED)
    return random.Random(SEED) if generator is random else np.random.RandomState(SEED)


def _is_same(one: Any, other: Any) -> bool:
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, np.ndarray):
        return np.array_equal(one, other)
    if isinstance(one, dict):
        return all(_is_same(value, other[key]) for key, value in one.items())
    if isinstance(one, tuple) and any(isinstance(part, np.ndarray) for part in one):
        return all(map(_is_same, one, other))
    return bool(one == other)
