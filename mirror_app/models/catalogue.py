"""The models that can be picked, by name: the bundled one, the owner's, torchvision's."""

from collections.abc import Generator
from pathlib import Path

import torch
from safetensors.torch import load_file

from mirror_app.bundled import network, scenes
from mirror_app.errors import MirrorError, nearest
from mirror_app.images import Preprocessing
from mirror_app.models import settings, torchvision_models, user_models
from mirror_app.models.download import DownloadProgress
from mirror_app.models.model import Model
from mirror_app.probe.output_kind import OutputKind, OutputMeaning

WEIGHTS = Path(__file__).parents[1] / "bundled" / "weights"
BUNDLED = "shapes"
UNTRAINED = torchvision_models.UNTRAINED  # the end of a name whose weights are random


def names() -> tuple[str, ...]:
    """Return the names of all models, the default first; raise MirrorError where the owner's settings are wrong."""
    owned = settings.user_models()
    for name in owned:
        if name == BUNDLED or name.removesuffix(UNTRAINED) in torchvision_models.names():
            raise MirrorError(
                f"The settings file names a model '{name}', but that name is already taken: choose another."
            )
    return (BUNDLED, *owned, *torchvision_models.names())


def can_be_untrained(name: str) -> bool:
    """Tell whether there is the model of that name with random weights too, as `name-untrained`."""
    return name in torchvision_models.names()


def download_sizes() -> dict[str, int]:
    """Return how many bytes must be fetched before a model can be used, by its name, for those that are not here."""
    return torchvision_models.download_sizes()


def check(name: str) -> str:
    """Return `name`; raise MirrorError with the nearest where there is no such model."""
    known = names()
    plain = name.removesuffix(UNTRAINED)
    if name not in known and not (plain != name and can_be_untrained(plain)):
        raise MirrorError(f"There is no model '{name[:80]}' among {len(known)}.{nearest(name, known)}")
    return name


def load(name: str, device: torch.device | str = "cpu") -> Model:
    """Return the model of that name with its weights on `device`; raise MirrorError."""
    *_, model = load_with_progress(name, device)
    assert isinstance(model, Model)
    return model


def load_with_progress(
    name: str, device: torch.device | str = "cpu"
) -> Generator[DownloadProgress | Model, None, None]:
    """Yield how far the download of the weights is, where one is needed, and at last the model; raise MirrorError."""
    try:
        for found in _found(check(name)):
            if isinstance(found, Model):
                found.module.eval().to(device)
            yield found
    except MirrorError as error:
        if name not in torchvision_models.names():
            raise
        here = sorted(set(torchvision_models.names()) - set(torchvision_models.download_sizes()))
        others = f", {', '.join(here[:5])}" if here else ""
        raise MirrorError(f"{error} These work without it: {BUNDLED}{others}, and all untrained models.") from error


def _found(name: str) -> Generator[DownloadProgress | Model, None, None]:
    if name == BUNDLED:
        yield _shapes()
    elif name in settings.user_models():
        yield user_models.load(name)
    else:
        yield from torchvision_models.load_with_progress(name)


def _shapes() -> Model:
    module = network.ShapesNet()
    module.load_state_dict(load_file(WEIGHTS / "shapes.safetensors"))
    preprocessing = Preprocessing(size=scenes.SIZE, resize=scenes.SIZE, mean=network.MEAN, std=network.STD)
    return Model(BUNDLED, module, preprocessing, scenes.CLASSES, output=OutputMeaning(OutputKind.CLASSES))
