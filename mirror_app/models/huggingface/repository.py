"""Repositories of the Hugging Face hub: which files a model needs, and their download into the hub's own cache.

Only configurations and weights in the safetensors format are downloaded, which cannot run code.
"""

import errno
import hashlib
import shutil
from collections.abc import Collection, Generator
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from mirror_app.errors import MirrorError
from mirror_app.models.huggingface import folder, names
from mirror_app.models.transfer import DownloadProgress, StalledError, Transfer, Transfers, bytes_in, require_room

_transfers = Transfers()


@dataclass(frozen=True)
class RepositoryFile:
    """A file of a repository: its path, its size in bytes, and its SHA-256 checksum if the hub knows one."""

    path: str
    size: int
    sha256: str | None


def fetch(name: str) -> Generator[DownloadProgress, None, Path]:
    """Download the model of that name unless it is in the cache; yield the progress and return its folder.

    Args:
        name: The name of the repository, owner/name.

    Raises:
        MirrorError: If there is no such model, if it cannot be read without running code, if a package is missing, if
            the download fails or stalls, or if the disk is full.
    """
    _require_hub_client(name)
    if (cached := cached_folder(name)) is not None:
        return cached
    host = _host()
    try:
        files = _needed(name)
        path = _download(name, [file for file in files if not _is_weights(file.path)])
        folder.require_library(path, name)
        weights = [file for file in files if _is_weights(file.path)]
        transfer = _transfers.join(name, partial(_start, name, weights))
        yield from transfer.progress(sum(file.size for file in weights))
    except MirrorError:
        raise
    except StalledError as error:
        _transfers.give_up(name, transfer)
        raise MirrorError(
            f"The download of '{name}' from {host} stalled", culprit=name, hint="try again later"
        ) from error
    except Exception as error:  # a server and a disk can fail in many ways
        raise _failure(error, name, host) from error
    return path


def cached_folder(name: str) -> Path | None:
    """Return the folder of a model that was downloaded, or None if any of its files are missing."""
    stored = _stored_folder(name)
    try:
        commit = (stored / "refs" / "main").read_text(encoding="utf-8").strip()
    except OSError:
        return None
    path = stored / "snapshots" / commit
    return path if folder.is_complete(path) else None


def cached_names() -> list[str]:
    """Return the names of the models that were downloaded."""
    if not is_available():
        return []
    stored = (path.name.removeprefix("models--").replace("--", "/", 1) for path in _cache().glob("models--*"))
    return sorted(name for name in stored if names.is_hub_name(name) and cached_folder(name))


def size_on_disk(name: str) -> int:
    """Return the bytes that a downloaded model takes."""
    return bytes_in(_stored_folder(name) / "blobs")


def delete(name: str) -> None:
    """Delete a downloaded model from the cache."""
    shutil.rmtree(_stored_folder(name))


def is_available() -> bool:
    """Tell whether the package that reads the hub is installed."""
    return find_spec("huggingface_hub") is not None


def _require_hub_client(name: str) -> None:
    if not is_available():
        extra = "timm" if name.startswith(names.TIMM) else "hf"
        raise MirrorError(
            f"'{name}' is read from the Hugging Face hub, for which a package is missing",
            culprit=name,
            accepted="an installed package",
            hint=f"pip install '.[{extra}]'",
        )


def _needed(name: str) -> list[RepositoryFile]:
    """Return the files of the repository that the model needs, the configurations first."""
    from huggingface_hub import HfApi

    info = HfApi().model_info(name, files_metadata=True)
    files = {
        each.rfilename: RepositoryFile(each.rfilename, each.size or 0, each.lfs.sha256 if each.lfs else None)
        for each in info.siblings or ()
    }
    configurations = [path for path in folder.CONFIGURATIONS if path in files]
    if not {folder.CONFIG, folder.OPEN_CLIP_CONFIG} & set(configurations):
        raise MirrorError(
            f"'{name}' is not a model of timm, Transformers or open_clip: it has no {folder.CONFIG}.", culprit=name
        )
    weights = folder.weight_files(files)
    if not weights:
        raise MirrorError(
            f"'{name}' has no weights in the safetensors format, and files in other formats could run code.",
            culprit=name,
            accepted="a repository with a .safetensors file",
        )
    return [files[path] for path in (*configurations, *weights)]


def _is_weights(path: str) -> bool:
    return path.endswith(folder.SAFETENSORS)


def _start(name: str, files: Collection[RepositoryFile]) -> Transfer:
    """Start the download of the weights; raise OSError if they do not fit on the disk."""
    blobs = _stored_folder(name) / "blobs"
    require_room(blobs, sum(file.size for file in files))
    return Transfer(partial(_download, name, files), partial(bytes_in, blobs))


def _download(name: str, files: Collection[RepositoryFile]) -> Path:
    """Download files into the cache and return the folder that holds them; a file with a wrong checksum is removed."""
    from huggingface_hub import hf_hub_download
    from huggingface_hub.utils.tqdm import tqdm

    class NoBar(tqdm):
        """A progress bar that is not shown: `Transfer` reports the progress."""

        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **{**options, "disable": True})  # type: ignore[no-untyped-call]

    for file in files:
        path = Path(hf_hub_download(name, file.path, tqdm_class=NoBar))
        if file.sha256 and _sha256(path) != file.sha256:
            path.resolve().unlink()
            path.unlink(missing_ok=True)
            raise MirrorError(
                f"'{file.path}' of '{name}' arrived damaged: its checksum differs from the hub's.",
                culprit=name,
                hint="Try again.",
            )
    return path.parent


def _sha256(path: Path) -> str:
    with path.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _stored_folder(name: str) -> Path:
    return _cache() / f"models--{name.replace('/', '--')}"


def _cache() -> Path:
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE)


def _host() -> str:
    from huggingface_hub import constants

    return urlsplit(constants.ENDPOINT).hostname or constants.ENDPOINT


def _failure(error: Exception, name: str, host: str) -> MirrorError:
    """Return the error for a failed download."""
    from huggingface_hub import errors
    from huggingface_hub.errors import HTTPError  # type: ignore[attr-defined]  # the HTTP client's, whichever it is

    match error:
        case errors.OfflineModeIsEnabled():
            reason = "is not on this computer, and downloads are switched off (HF_HUB_OFFLINE)."
        case errors.GatedRepoError():
            return MirrorError(
                f"'{name}' is gated: {host} gives it only to those who have accepted its terms",
                culprit=name,
                hint="accept them there, and set HF_TOKEN on the computer that runs Mirror",
            )
        case errors.RepositoryNotFoundError():
            return MirrorError(f"{host} has no public model '{name}'.", culprit=name, accepted=names.suggestions())
        case errors.HfHubHTTPError():
            reason = f"could not be downloaded: {host} answered {error.response.status_code}."
        case OSError(errno=errno.ENOSPC | errno.EDQUOT):
            reason = "could not be downloaded: the disk with the hub's cache (HF_HOME) is full."
        case OSError(errno=number) if number and not isinstance(error, ConnectionError | TimeoutError):
            reason = f"could not be saved in the hub's cache (HF_HOME): {error.strerror}."
        case OSError() if "Consistency check failed" in str(error):
            return MirrorError(f"'{name}' arrived cut short.", culprit=name, hint="Try again.")
        case errors.LocalEntryNotFoundError() | ConnectionError() | TimeoutError() | HTTPError():
            return MirrorError(f"'{name}' could not be downloaded: {host} cannot be reached.", culprit=host)
        case _:
            reason = f"could not be downloaded: {type(error).__name__}."
    return MirrorError(f"'{name}' {reason}", culprit=name)
