"""Downloads of weights into torch's hub cache, with their progress; each file is downloaded once."""

import errno
import os
import shutil
import time
from collections.abc import Generator
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock, Thread
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit

import torch

from mirror_app.errors import MirrorError

_POLL_INTERVAL = 0.2  # seconds between two checks of the growing file
PATIENCE = 60.0  # seconds without a new byte, after which a download counts as stalled


@dataclass(frozen=True)
class DownloadProgress:
    """The progress of a download: the bytes received so far, of approximately `total`."""

    bytes: int
    total: int

    @property
    def share(self) -> float:
        """The share that was received, in [0, 1]."""
        return min(1.0, self.bytes / self.total) if self.total else 0.0


class _Download:
    """A running download into a temporary folder; the folder is removed when the download or the program ends."""

    def __init__(self, url: str, target: Path) -> None:
        self.folder = TemporaryDirectory(prefix="partial-", dir=target.parent, ignore_cleanup_errors=True)
        self.end: Future[None] = Future()
        # Unlike the threads of an executor, a daemon thread does not keep the program from ending.
        Thread(target=self._run, args=(url, target), name="download", daemon=True).start()

    def received_bytes(self) -> int:
        # A listed file may have been moved or removed since.
        with suppress(FileNotFoundError), os.scandir(self.folder.name) as parts:
            return sum(part.stat().st_size for part in parts)
        return 0

    def _run(self, url: str, target: Path) -> None:
        try:
            with self.folder as folder:
                temporary = Path(folder, target.name)
                checksum = torch.hub.HASH_REGEX.search(target.name)
                torch.hub.download_url_to_file(url, str(temporary), checksum and checksum[1], progress=False)
                temporary.replace(target)
        except BaseException as error:  # raised again in the threads that wait for the file
            if isinstance(error, HTTPError):
                error.close()  # it holds the connection
            self.end.set_exception(error)
        else:
            self.end.set_result(None)


_guard = Lock()
_downloads: dict[Path, _Download] = {}


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
    """Download a file unless it is in the cache, yielding the progress.

    The file is checked against the checksum in its name. Simultaneous calls share one download, and a failed download
    leaves no file behind.

    Args:
        url: The address of the file.
        total: The expected size in bytes.

    Raises:
        MirrorError: If the download fails or stalls, or if the disk is full.
    """
    target = path_of(url)
    host = urlsplit(url).hostname or url
    download = _running_download(url, total, target)
    if download is None:
        return
    received, last_change = -1, time.monotonic()
    while not download.end.done():
        newest = max(received, download.received_bytes())
        if newest > received:
            received, last_change = newest, time.monotonic()
        if time.monotonic() - last_change > PATIENCE:
            _give_up(target, download)
            raise MirrorError(
                f"The download of '{target.name}' from {host} stalled", culprit=target.name, hint="try again later"
            )
        yield DownloadProgress(newest, total)
        time.sleep(_POLL_INTERVAL)
    if error := download.end.exception():
        raise _failure(error, target.name, host) from error
    yield DownloadProgress(total, total)


def _folder() -> Path:
    return Path(torch.hub.get_dir()) / "checkpoints"


def _running_download(url: str, total: int, target: Path) -> _Download | None:
    """Return the download of `target`, started if needed, or None if the file exists; raise MirrorError on failure."""
    with _guard:
        running = _downloads.get(target)
        if running and not running.end.done():
            return running
        if target.exists():
            return None
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            if shutil.disk_usage(target.parent).free < total:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            _downloads[target] = _Download(url, target)
        except OSError as error:
            raise _failure(error, target.name) from error
        return _downloads[target]


def _give_up(target: Path, download: _Download) -> None:
    """Forget a download that may hang forever, so that the next call starts a new one."""
    with _guard:
        if _downloads.get(target) is download:
            del _downloads[target]


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
