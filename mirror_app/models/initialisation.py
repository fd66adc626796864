"""The random weights of new models, reproducible and drawn without touching the random state of the process."""

from collections.abc import Generator
from contextlib import contextmanager
from threading import Lock

import torch
from torch import nn

_random_state = Lock()  # libraries initialise weights from the random state that the whole process shares


@contextmanager
def fixed_seed() -> Generator[None, None, None]:
    """Draw random numbers from a fixed seed, one thread at a time; the state is restored afterwards."""
    with _random_state, torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        yield


def fill_zero_heads(module: nn.Module) -> None:
    """Replace all-zero weights of linear layers by random ones, in place; zeros would let no gradient through."""
    for layer in module.modules():
        if isinstance(layer, nn.Linear) and not layer.weight.any():
            nn.init.normal_(layer.weight, std=0.02)
