"""Downloads of weights into torch's hub cache, with their progress; each file is downloaded once.

A file that is already in the cache is used only if it can be read and holds nothing but tensors, since torchvision
would run any code in it. Its checksum may differ from the one in its name: people put weights of their own there.
"""

import errno
import shutil
import time
from collections.abc import Generator
from functools import cache, partial
from http.client import HTTPException
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit

import torch

from mirror_app.errors import MirrorError
from mirror_app.models.transfer import DownloadProgress, StalledError, Transfer, Transfers, bytes_in, require_room

# If a download's folder has received no byte for this many seconds, its program is taken to have been killed.
ABANDONED = 3600.0

_transfers = Transfers()


def path_of(url: str) -> Path:
    """Return where the file at `url` is stored: in torch's own cache, $TORCH_HOME/hub/checkpoints."""
    return _folder() / file_name_of(url)


def file_name_of(url: str) -> str:
    """Return the name of the file at `url`."""
    return url.rpartition("/")[2]


def downloaded_files() -> set[str]:
    """Return the names of all files in the cache."""
    return {file.name for file in _folder().glob("*")}


def fetch(url: str, total: int) -> Generator[DownloadProgress, None, None]:
    """Download a file unless it is in the cache and can be read, yielding the progress.

    The file is checked against the checksum in its name. Simultaneous calls share one download, and a failed download
    leaves no file behind.

    Args:
        url: The address of the file.
        total: The expected size in bytes.

    Raises:
        MirrorError: If the download fails or stalls, if the disk is full, or if the file holds more than tensors.
    """
    target = path_of(url)
    host = urlsplit(url).hostname or url
    try:
        transfer = _transfers.join(target, partial(_start, url, total, target))
    except OSError as error:
        raise _failure(error, target.name) from error
    if transfer is None:
        return
    try:
        yield from transfer.progress(total)
    except MirrorError:
        raise
    except StalledError as error:
        _transfers.give_up(target, transfer)
        raise MirrorError(
            f"The download of '{target.name}' from {host} stalled", culprit=target.name, hint="try again later"
        ) from error
    except Exception as error:  # a server and a disk can fail in many ways
        raise _failure(error, target.name, host) from error


def holds_tensors(file: Path) -> bool:
    """Tell whether a file can be read and holds nothing but tensors."""
    status = file.stat()
    return _holds_tensors(file, status.st_size, status.st_mtime_ns)


@cache  # reading a large file takes a second
def _holds_tensors(file: Path, _size: int, _modified: int) -> bool:
    try:
        torch.load(file, map_location="cpu", weights_only=True)
    except OSError:
        raise
    except Exception:  # a damaged file makes torch raise many kinds of error
        return False
    return True


def _folder() -> Path:
    return Path(torch.hub.get_dir()) / "checkpoints"


def _start(url: str, total: int, target: Path) -> Transfer | None:
    """Start the download of `target` unless the file exists; a file that cannot be used is removed."""
    if target.exists():
        if holds_tensors(target):
            return None
        target.unlink()
    target.parent.mkdir(parents=True, exist_ok=True)
    _remove_abandoned(target.parent)
    require_room(target.parent, total)
    # The folder is removed when the download or the program ends.
    folder = TemporaryDirectory(prefix="partial-", dir=target.parent, ignore_cleanup_errors=True)
    return Transfer(partial(_receive, url, target, folder), partial(bytes_in, folder.name))


def _remove_abandoned(folder: Path) -> None:
    """Remove the folders of downloads that ended with their program, for example because it was killed."""
    for partial_folder in folder.glob("partial-*"):
        changes = [part.stat().st_mtime for part in (partial_folder, *partial_folder.glob("*"))]
        if time.time() - max(changes) > ABANDONED:
            shutil.rmtree(partial_folder, ignore_errors=True)


def _receive(url: str, target: Path, folder: TemporaryDirectory[str]) -> None:
    with folder as path:
        temporary = Path(path, target.name)
        checksum = torch.hub.HASH_REGEX.search(target.name)
        try:
            torch.hub.download_url_to_file(url, str(temporary), checksum and checksum[1], progress=False)
        except HTTPError as error:
            error.close()  # it holds the connection
            raise
        if not holds_tensors(temporary):
            raise MirrorError(f"'{target.name}' contains more than tensors, so it was not loaded.", culprit=target.name)
        temporary.replace(target)


def _failure(error: BaseException, name: str, host: str = "") -> MirrorError:
    """Return the error for a failed download; its culprit is the host if the host failed, otherwise the file."""
    match error:
        case HTTPError():
            return MirrorError(f"'{name}' could not be downloaded: {host} answered {error.code}.", culprit=host)
        case URLError() | TimeoutError() | ConnectionError():
            return MirrorError(f"'{name}' could not be downloaded: {host} cannot be reached.", culprit=host)
        case OSError(errno=errno.ENOSPC | errno.EDQUOT):
            reason = "could not be downloaded: the disk with torch's cache (TORCH_HOME) is full."
        case OSError():
            reason = f"could not be saved in torch's cache (TORCH_HOME): {error.strerror}."
        case RuntimeError() | HTTPException():
            problem = f"'{name}' arrived damaged or cut short: its checksum differs from the one in its name."
            return MirrorError(problem, culprit=name, hint="Try again.")
        case _:
            reason = f"could not be downloaded: {type(error).__name__}."
    return MirrorError(f"'{name}' {reason}", culprit=name)
