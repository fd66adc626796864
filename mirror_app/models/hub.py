"""Files of weights from torch's hub: fetched once, with their progress, and kept where torch keeps them."""

import errno
import re
import time
from collections.abc import Generator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit

import torch

from mirror_app.errors import MirrorError

_GLANCE = 0.2  # seconds between two looks at the growing file
PATIENCE = 60.0  # seconds without a byte

_guard = Lock()
_open: dict[Path, Future[None]] = {}


@dataclass(frozen=True)
class Fetched:
    """How far a download is: the bytes that are there, of about so many."""

    bytes: int
    total: int

    @property
    def share(self) -> float:
        return min(1.0, self.bytes / self.total) if self.total else 0.0


def file_of(url: str) -> Path:
    """Return where the file of that address is kept: in torch's own cache, $TORCH_HOME/hub/checkpoints."""
    return _folder() / name_of(url)


def name_of(url: str) -> str:
    """Return the name of the file of that address."""
    return url.rpartition("/")[2]


def here() -> set[str]:
    """Return the names of all files that were fetched."""
    return {file.name for file in _folder().glob("*")}


def fetching(url: str, total: int) -> Generator[Fetched, None, None]:
    """Fetch a file that is not there yet, yielding how far it is; raise MirrorError with what went wrong.

    The file's checksum is the one in its name. However many ask, it is fetched once; what breaks off leaves nothing.
    """
    target = file_of(url)
    if target.exists():
        return
    download = _download(url, target)
    seen, since = -1, time.monotonic()
    while not download.done():
        there = max((part.stat().st_size for part in _parts(target)), default=0)
        if there > seen:
            seen, since = there, time.monotonic()
        if time.monotonic() - since > PATIENCE:
            raise MirrorError(f"'{target.name}' stopped coming from {urlsplit(url).hostname}: try again later.")
        yield Fetched(there, total)
        time.sleep(_GLANCE)
    if error := download.exception():
        raise MirrorError(_reason(error, target.name, urlsplit(url).hostname or url)) from error
    yield Fetched(total, total)


def _folder() -> Path:
    return Path(torch.hub.get_dir()) / "checkpoints"


def _download(url: str, target: Path) -> Future[None]:
    with _guard:
        running = _open.get(target)
        if running is None or running.done():
            target.parent.mkdir(parents=True, exist_ok=True)
            checksum = re.search(r"-([a-f0-9]{8,})\.", target.name)
            worker = ThreadPoolExecutor(1, "download")
            running = _open[target] = worker.submit(
                torch.hub.download_url_to_file, url, str(target), checksum and checksum[1], progress=False
            )
            worker.shutdown(wait=False)
    return running


def _parts(target: Path) -> list[Path]:
    return list(target.parent.glob(f"{target.name}.*.partial"))


def _reason(error: BaseException, name: str, host: str) -> str:
    match error:
        case HTTPError():
            return f"'{name}' could not be fetched: {host} answered {error.code}."
        case URLError() | TimeoutError() | ConnectionError():
            return f"'{name}' could not be fetched: {host} cannot be reached from here."
        case OSError(errno=errno.ENOSPC):
            return f"'{name}' could not be fetched: the disk is full."
        case RuntimeError():
            return f"'{name}' came damaged or cut short: its checksum is not the one in its name. Try again."
        case _:
            return f"'{name}' could not be fetched: {type(error).__name__}."
