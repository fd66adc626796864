"""All models by name: the bundled network, the models in the settings file, and torchvision's models."""

from collections.abc import Generator
from pathlib import Path

import torch
from safetensors.torch import load_file

from mirror_app.bundled import network, scenes
from mirror_app.errors import MirrorError
from mirror_app.images import Preprocessing
from mirror_app.models import settings, torchvision_models, user_models
from mirror_app.models.download import DownloadProgress
from mirror_app.models.model import Model
from mirror_app.probe.output_kind import OutputKind, OutputMeaning

WEIGHTS = Path(__file__).parents[1] / "bundled" / "weights"
BUNDLED = "shapes"
UNTRAINED = torchvision_models.UNTRAINED  # the suffix that asks for random weights


def names() -> tuple[str, ...]:
    """Return the names of all models, the default first.

    Raises:
        MirrorError: If the settings file is invalid or reuses the name of another model.

    Example:
        >>> from mirror_app.models import catalogue
        >>> catalogue.names()[0]
        'shapes'
        >>> "resnet50" in catalogue.names()
        True
    """
    user_models = settings.user_models()
    for name in user_models:
        if name == BUNDLED or name.removesuffix(UNTRAINED) in torchvision_models.names():
            raise MirrorError(
                f"The settings file names a model '{name}', but that name is already taken",
                culprit=name,
                hint="choose another",
            )
    return (BUNDLED, *user_models, *torchvision_models.names())


def can_be_untrained(name: str) -> bool:
    """Tell whether the model is also available with random weights, as `name-untrained`."""
    return name in torchvision_models.names()


def download_sizes() -> dict[str, int]:
    """Return the download size in bytes of each model whose weights are not on this machine, by name."""
    return torchvision_models.download_sizes()


def check(name: str) -> str:
    """Return `name`; raise MirrorError with the nearest name if no model is called that."""
    known_names = names()
    architecture = name.removesuffix(UNTRAINED)
    if name not in known_names and not (architecture != name and can_be_untrained(architecture)):
        raise MirrorError(f"There is no model '{name[:80]}'.", culprit=name, accepted=known_names)
    return name


def load(name: str, device: torch.device | str = "cpu") -> Model:
    """Return the model of that name, with its weights, on `device`.

    Args:
        name: "shapes" for the bundled network, a torchvision name such as "resnet50", a torchvision name with
            "-untrained" for random weights, or the name of a table in the settings file.
        device: The device that holds the weights.

    Returns:
        The model in evaluation mode, with its preprocessing and class names. Missing weights are downloaded.

    Raises:
        MirrorError: If no model has that name, the download fails, or the settings file is invalid.

    Example:
        >>> from mirror_app.models import catalogue
        >>> model = catalogue.load("shapes")
        >>> model.classes[:2]
        ('striped disc', 'checked disc')
        >>> model.module(model.blank()).shape
        torch.Size([1, 32])
    """
    *_, model = load_with_progress(name, device)
    assert isinstance(model, Model)
    return model


def load_with_progress(
    name: str, device: torch.device | str = "cpu"
) -> Generator[DownloadProgress | Model, None, None]:
    """Yield the progress of the download, if one is needed, then the model. May raise MirrorError, like `load`."""
    try:
        for progress_or_model in _load(check(name)):
            if isinstance(progress_or_model, Model):
                progress_or_model.module.eval().to(device)
            yield progress_or_model
    except MirrorError as error:
        if name not in torchvision_models.names():
            raise
        downloaded = sorted(set(torchvision_models.names()) - set(torchvision_models.download_sizes()))
        available = [BUNDLED, *downloaded[:5]]
        raise MirrorError(
            str(error),
            culprit=error.culprit,
            accepted=available,
            hint=f"Available offline: {', '.join(available)}, and every model with random weights.",
        ) from error


def _load(name: str) -> Generator[DownloadProgress | Model, None, None]:
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
