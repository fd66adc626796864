"""The random numbers that a model draws as it runs: the same in each run, and never from the caller's generators."""

import copy
import random
import threading
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch

SEED = 0
Generator = Any  # a generator of PyTorch, NumPy or Python


class SeededGenerators:
    """Runs code with the process's random generators at a fixed seed, and restores them: `with SeededGenerators(...):`.

    `private_generators` holds pairs of generators, the copy's and the source's. Each time the context is entered, the
    copy's generator takes over the state of the source's. `devices` are the devices of the model. `has_drawn` tells
    whether any generator was used. The process's generators are global, so only one thread at a time can be inside the
    context.
    """

    _lock = threading.RLock()

    def __init__(
        self, private_generators: Iterable[tuple[Generator, Generator]], devices: Iterable[torch.device]
    ) -> None:
        self.has_drawn = False
        self._private_generators = list(private_generators)
        cuda_generators = [torch.cuda.default_generators[d.index or 0] for d in devices if d.type == "cuda"]
        global_generators: list[Generator] = [torch.default_generator, *cuda_generators, random, np.random.mtrand._rand]
        self._initial_states = [(generator, state_of(_seeded_like(generator))) for generator in global_generators]
        self._saved_states: list[Any] = []

    def __enter__(self) -> None:
        self._lock.acquire()
        self._saved_states = [state_of(generator) for generator, _ in self._initial_states]
        for generator, initial in self._initial_states:
            set_state(generator, initial)
        for private, source in self._private_generators:
            set_state(private, state_of(source))

    def __exit__(self, *_: object) -> None:
        try:
            initial_states = [
                *self._initial_states,
                *((private, state_of(source)) for private, source in self._private_generators),
            ]
            self.has_drawn = self.has_drawn or not all(
                _is_same(state_of(generator), initial) for generator, initial in initial_states
            )
            for (generator, _initial), before in zip(self._initial_states, self._saved_states, strict=True):
                set_state(generator, before)
        finally:
            self._lock.release()


def is_generator(value: object) -> bool:
    """Tell whether `value` is a random generator."""
    return type(value) in (torch.Generator, np.random.Generator, np.random.RandomState, random.Random)


def copy_generator(generator: Generator) -> Generator:
    """Return a copy of a random generator, in the same state."""
    return generator.clone_state() if isinstance(generator, torch.Generator) else copy.deepcopy(generator)


def state_of(generator: Generator) -> Any:
    """Return the state of a random generator."""
    if isinstance(generator, torch.Generator):
        return generator.get_state()
    if isinstance(generator, np.random.Generator):
        return generator.bit_generator.state
    return generator.get_state() if isinstance(generator, np.random.RandomState) else generator.getstate()


def set_state(generator: Generator, state: Any) -> None:
    """Set the state of a random generator."""
    if isinstance(generator, np.random.Generator):
        generator.bit_generator.state = state
        return
    is_python = not isinstance(generator, torch.Generator | np.random.RandomState)
    setter: Callable[[Any], None] = generator.setstate if is_python else generator.set_state
    setter(state)


def _seeded_like(generator: Generator) -> Generator:
    """Return a generator of the same type as `generator`, at the fixed seed."""
    if isinstance(generator, torch.Generator):
        return torch.Generator(generator.device).manual_seed(SEED)
    return random.Random(SEED) if generator is random else np.random.RandomState(SEED)


def _is_same(first: Any, second: Any) -> bool:
    if isinstance(first, torch.Tensor):
        return torch.equal(first, second)
    if isinstance(first, np.ndarray):
        return np.array_equal(first, second)
    if isinstance(first, dict):
        return all(_is_same(value, second[key]) for key, value in first.items())
    if isinstance(first, tuple) and any(isinstance(item, np.ndarray) for item in first):
        return all(map(_is_same, first, second))
    return bool(first == second)
