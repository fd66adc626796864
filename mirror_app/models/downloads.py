"""The weights that were downloaded: what they take on the disk, and how to delete them."""

from mirror_app.errors import MirrorError
from mirror_app.models import torchvision_models
from mirror_app.models.huggingface import repository


def sizes() -> dict[str, int]:
    """Return the bytes on the disk of each model that was downloaded, by name.

    Torchvision's models are in torch's cache (TORCH_HOME), all others in the cache of the Hugging Face hub (HF_HOME).

    Example:
        >>> from mirror_app.models import downloads
        >>> all(size > 0 for size in downloads.sizes().values())
        True
    """
    to_download = torchvision_models.download_sizes()
    files = {
        name: torchvision_models.weights_file(name) for name in torchvision_models.names() if name not in to_download
    }
    from_torchvision = {name: file.stat().st_size for name, file in files.items()}
    return from_torchvision | {name: repository.size_on_disk(name) for name in repository.cached_names()}


def delete(name: str) -> int:
    """Delete the weights of a model and return the bytes that this frees.

    Raises:
        MirrorError: If the model was not downloaded.

    Example:
        >>> from mirror_app.models import downloads
        >>> downloads.delete("resnet")
        Traceback (most recent call last):
        mirror_app.errors.MirrorError: 'resnet' was not downloaded.
    """
    downloaded = sizes()
    if name not in downloaded:
        raise MirrorError(f"'{name}' was not downloaded.", culprit=name, accepted=tuple(downloaded))
    if name in torchvision_models.names():
        torchvision_models.weights_file(name).unlink()
    else:
        repository.delete(name)
    return downloaded[name]
