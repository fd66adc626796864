"""The models that can be picked, by name."""

from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import load_file

from mirror_app.errors import MirrorError, nearest
from mirror_app.images import Preprocessing
from mirror_app.models import network, shapes
from mirror_app.models.model import Model

WEIGHTS = Path(__file__).parent / "weights"


def names() -> tuple[str, ...]:
    """Return the names of all models, the default first."""
    return tuple(_BUILDERS)


def check(name: str) -> str:
    """Return `name`; raise MirrorError with the nearest where there is no such model."""
    if name not in _BUILDERS:
        known = ", ".join(_BUILDERS)
        raise MirrorError(f"There is no model '{name[:80]}': there is {known}.{nearest(name, _BUILDERS)}")
    return name


def load(name: str, device: torch.device | str = "cpu") -> Model:
    """Return the model of that name with its weights on `device`; raise MirrorError."""
    model = _BUILDERS[check(name)](name)
    model.module.eval().to(device)
    return model


def _shapes(name: str) -> Model:
    module = network.ShapesNet()
    module.load_state_dict(load_file(WEIGHTS / "shapes.safetensors"))
    preprocessing = Preprocessing(size=shapes.SIZE, resize=shapes.SIZE, mean=network.MEAN, std=network.STD)
    return Model(name, module, preprocessing, shapes.CLASSES)


_BUILDERS: dict[str, Callable[[str], Model]] = {"shapes": _shapes}
