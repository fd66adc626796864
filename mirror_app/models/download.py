"""Files of weights from torch's hub: fetched once, with their progress, and kept where torch keeps them."""

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

_GLANCE = 0.2  # seconds between two looks at the growing file
PATIENCE = 60.0  # seconds without a byte


@dataclass(frozen=True)
class DownloadProgress:
    """How far a download is: the bytes that are there, of about so many."""

    bytes: int
    total: int

    @property
    def share(self) -> float:
        return min(1.0, self.bytes / self.total) if self.total else 0.0


class _Download:
    """A file on its way, in a folder of its own that goes with it, be it whole, broken or the end of the program."""

    def __init__(self, url: str, target: Path) -> None:
        self.folder = TemporaryDirectory(prefix="coming-", dir=target.parent, ignore_cleanup_errors=True)
        self.end: Future[None] = Future()
        # Not a thread that an executor would wait for: the program may end before the file is whole.
        Thread(target=self._work, args=(url, target), name="download", daemon=True).start()

    def there(self) -> int:
        """Return how many bytes have come."""
        # What was listed may have been moved or removed since.
        with suppress(FileNotFoundError), os.scandir(self.folder.name) as parts:
            return sum(part.stat().st_size for part in parts)
        return 0

    def _work(self, url: str, target: Path) -> None:
        try:
            with self.folder as folder:
                whole = Path(folder, target.name)
                checksum = torch.hub.HASH_REGEX.search(target.name)
                torch.hub.download_url_to_file(url, str(whole), checksum and checksum[1], progress=False)
                whole.replace(target)
        except BaseException as error:  # whoever waits gets it
            if isinstance(error, HTTPError):
                error.close()  # it holds the connection
            self.end.set_exception(error)
        else:
            self.end.set_result(None)


_guard = Lock()
_downloads: dict[Path, _Download] = {}


def path_of(url: str) -> Path:
    """Return where the file of that address is kept: in torch's own cache, $TORCH_HOME/hub/checkpoints."""
    return _folder() / file_name_of(url)


def file_name_of(url: str) -> str:
    """Return the name of the file of that address."""
    return url.rpartition("/")[2]


def downloaded_files() -> set[str]:
    """Return the names of all files that were fetched."""
    return {file.name for file in _folder().glob("*")}


def fetch(url: str, total: int) -> Generator[DownloadProgress, None, None]:
    """Fetch a file that is not there yet, yielding how far it is; raise MirrorError with what went wrong.

    The file's checksum is the one in its name. However many ask, it is fetched once; what breaks off leaves nothing.
    """
    target = path_of(url)
    host = urlsplit(url).hostname or url
    download = _begun(url, total, target)
    if download is None:
        return
    seen, since = -1, time.monotonic()
    while not download.end.done():
        there = max(seen, download.there())
        if there > seen:
            seen, since = there, time.monotonic()
        if time.monotonic() - since > PATIENCE:
            _give_up(target, download)
            raise MirrorError(f"The download of '{target.name}' from {host} stalled: try again later.")
        yield DownloadProgress(there, total)
        time.sleep(_GLANCE)
    if error := download.end.exception():
        raise MirrorError(_reason(error, target, host)) from error
    yield DownloadProgress(total, total)


def _folder() -> Path:
    return Path(torch.hub.get_dir()) / "checkpoints"


def _begun(url: str, total: int, target: Path) -> _Download | None:
    """Return the download of that file, None where the file is there; raise MirrorError where there is no room."""
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
            raise MirrorError(_reason(error, target, "")) from error
        return _downloads[target]


def _give_up(target: Path, download: _Download) -> None:
    """Let the next who asks begin anew: this one may hang for ever."""
    with _guard:
        if _downloads.get(target) is download:
            del _downloads[target]


def _reason(error: BaseException, target: Path, host: str) -> str:
    name = target.name
    match error:
        case HTTPError():
            return f"'{name}' could not be fetched: {host} answered {error.code}."
        case URLError() | TimeoutError() | ConnectionError():
            return f"'{name}' could not be fetched: {host} cannot be reached from here."
        case OSError(errno=errno.ENOSPC | errno.EDQUOT):
            return f"'{name}' could not be fetched: the disk with torch's cache, TORCH_HOME, is full."
        case OSError():
            return f"'{name}' could not be kept in torch's cache, TORCH_HOME: {error.strerror}."
        case RuntimeError() | HTTPException():
            return f"'{name}' came damaged or cut short: its checksum is not the one in its name. Try again."
        case _:
            return f"'{name}' could not be fetched: {type(error).__name__}."
