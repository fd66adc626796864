"""All models by name: the bundled networks, the models in the settings file, torchvision's, and those of the hub."""

from collections.abc import Generator, Iterable
from fnmatch import fnmatchcase
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import nn

from mirror_app.bundled import network, scenes
from mirror_app.bundled.transformer import ShapesTransformer
from mirror_app.errors import MirrorError
from mirror_app.images import Preprocessing
from mirror_app.models import torchvision_models, user_models
from mirror_app.models.huggingface import folder, loading, repository
from mirror_app.models.huggingface import names as hub_names
from mirror_app.models.model import Model
from mirror_app.models.transfer import DownloadProgress
from mirror_app.probe.output_kind import OutputKind, OutputMeaning
from mirror_app.settings.server import server_settings
from mirror_app.settings.user_models import user_model_settings

WEIGHTS = Path(__file__).parents[1] / "bundled" / "weights"
BUNDLED, BUNDLED_TRANSFORMER = "shapes", "shapes-transformer"
BUNDLED_MODELS: dict[str, type[nn.Module]] = {BUNDLED: network.ShapesNet, BUNDLED_TRANSFORMER: ShapesTransformer}
_MAX_NAMED = 6  # how many models an error message names
UNTRAINED = torchvision_models.UNTRAINED  # the suffix that asks for random weights


def names() -> tuple[str, ...]:
    """Return the names of the models to choose from: first those on this computer, then those to download.

    Other models of the Hugging Face hub can be opened by their names, if the settings file allows it.

    Raises:
        MirrorError: If the settings file is invalid or reuses the name of another model.

    Example:
        >>> from mirror_app.models import catalogue
        >>> catalogue.names()[0]
        'shapes'
        >>> "resnet50" in catalogue.names()
        True
    """
    user_models = user_model_settings()
    for name in user_models:
        if name in BUNDLED_MODELS or name.removesuffix(UNTRAINED) in torchvision_models.names():
            raise MirrorError(
                f"The settings file names a model '{name}', but that name is already taken",
                culprit=name,
                hint="choose another",
            )
    to_download = torchvision_models.download_sizes()
    downloaded = [name for name in torchvision_models.names() if name not in to_download]
    downloaded += _allowed(repository.cached_names())
    suggested = _allowed(hub_names.suggestions())
    return tuple(dict.fromkeys([*BUNDLED_MODELS, *user_models, *downloaded, *to_download, *suggested]))


def can_be_untrained(name: str) -> bool:
    """Tell whether the model is also available with random weights, as `name-untrained`."""
    return name in torchvision_models.names() or name in hub_names.timm_sizes()


def download_sizes() -> dict[str, int]:
    """Return the approximate download size in bytes of each model whose weights are not on this machine, by name.

    The size is 0 if it is not known before the download.
    """
    hub_sizes = dict.fromkeys(hub_names.WELL_KNOWN, 0) | hub_names.timm_sizes()
    for name in repository.cached_names():
        hub_sizes.pop(name, None)
    return torchvision_models.download_sizes() | hub_sizes


def accepts_any_name() -> bool:
    """Tell whether models of the hub may be opened by names that are not among `names`."""
    return bool(server_settings().models_by_name)


def without_address(text: str) -> str:
    """Return the name in `text`, which may be the address of a model's page on the hub."""
    return text.strip().removeprefix("https://huggingface.co/").strip("/")


def check(name: str) -> str:
    """Return `name`; raise MirrorError with the nearest name if no model is called that or if it is not allowed.

    Whether the hub has a model of that name is known only when it is loaded.
    """
    known_names = names()
    architecture = name.removesuffix(UNTRAINED)
    if name in known_names or (architecture != name and architecture in known_names and can_be_untrained(architecture)):
        return name
    if not hub_names.is_hub_name(name):
        raise MirrorError(f"There is no model '{name[:80]}'.", culprit=name, accepted=known_names)
    if not _allowed([architecture]):
        raise MirrorError(
            f"'{name}' cannot be opened here: the settings of this server do not allow it.",
            culprit=name,
            accepted=server_settings().models_by_name,
        )
    return name


def load(name: str, device: torch.device | str = "cpu") -> Model:
    """Return the model of that name, with its weights, on `device`.

    Args:
        name: "shapes" or "shapes-transformer" for a bundled network, a torchvision name such as "resnet50", a name of
            the Hugging Face hub such as "timm/vit_tiny_patch16_224.augreg_in21k_ft_in1k", or the name of a table in the
            settings file. For torchvision and timm, "-untrained" after the name asks for random weights.
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
        is_download = name in torchvision_models.names() or hub_names.is_hub_name(name)
        if not is_download or error.accepted:
            raise
        to_download = download_sizes()
        available = [each for each in names() if each not in to_download][:_MAX_NAMED]
        raise MirrorError(
            str(error),
            culprit=error.culprit,
            accepted=available,
            hint=f"Available offline: {', '.join(available)}, and every model with random weights.",
        ) from error


def _load(name: str) -> Generator[DownloadProgress | Model, None, None]:
    if name in BUNDLED_MODELS:
        yield _bundled(name)
    elif name in user_model_settings():
        yield user_models.load(name)
    elif not hub_names.is_hub_name(name):
        yield from torchvision_models.load_with_progress(name)
    elif name.endswith(UNTRAINED) and can_be_untrained(name.removesuffix(UNTRAINED)):
        yield _untrained_timm_model(name)
    else:
        path = yield from repository.fetch(name)
        yield loading.load(path, name)


def _untrained_timm_model(name: str) -> Model:
    folder.require_package(folder.Library.TIMM, name)
    from mirror_app.models.huggingface import timm_models

    return timm_models.untrained(name.removeprefix(hub_names.TIMM).removesuffix(UNTRAINED), name)


def _allowed(names: Iterable[str]) -> list[str]:
    """Return those of the hub's `names` that the settings file allows."""
    patterns = server_settings().models_by_name
    if "*" in patterns:
        return list(names)
    return [name for name in names if any(fnmatchcase(name, pattern) for pattern in patterns)]


def _bundled(name: str) -> Model:
    module = BUNDLED_MODELS[name]()
    module.load_state_dict(load_file(WEIGHTS / f"{name}.safetensors"))
    preprocessing = Preprocessing(size=scenes.SIZE, resize=scenes.SIZE, mean=network.MEAN, std=network.STD)
    return Model(name, module, preprocessing, scenes.CLASSES, output=OutputMeaning(OutputKind.CLASSES))
