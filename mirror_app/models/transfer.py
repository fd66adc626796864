"""Transfers: downloads that each run in a thread of their own and that simultaneous requests share."""

import errno
import os
import shutil
import time
from collections.abc import Callable, Generator, Hashable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock, Thread
from typing import TypeVar

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


def require_room(folder: Path, total: int) -> None:
    """Raise OSError if `total` bytes do not fit on the disk that holds `folder`."""
    if shutil.disk_usage(folder).free < total:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def bytes_in(folder: Path | str) -> int:
    """Return the size of all files in a folder, 0 if it does not exist."""
    # A listed file may have been moved or removed since.
    with suppress(FileNotFoundError), os.scandir(folder) as parts:
        return sum(part.stat().st_size for part in parts)
    return 0


class StalledError(Exception):
    """No new byte has arrived for PATIENCE seconds."""


class Transfer:
    """A running download.

    Args:
        receive: Downloads the file, in a thread of its own. What it raises is raised again by `progress`.
        received: Returns how many bytes have arrived.
    """

    def __init__(self, receive: Callable[[], object], received: Callable[[], int]) -> None:
        self._receive, self._received = receive, received
        self._end: Future[None] = Future()
        # Unlike the threads of an executor, a daemon thread does not keep the program from ending.
        Thread(target=self._run, name="download", daemon=True).start()

    @property
    def is_running(self) -> bool:
        """Whether the download has not ended yet."""
        return not self._end.done()

    def progress(self, total: int) -> Generator[DownloadProgress, None, None]:
        """Yield the progress until the download ends; raise its error, or StalledError if nothing more arrives."""
        received, last_change = -1, time.monotonic()
        while self.is_running:
            newest = max(received, self._received())
            if newest > received:
                received, last_change = newest, time.monotonic()
            if time.monotonic() - last_change > PATIENCE:
                raise StalledError
            yield DownloadProgress(newest, total)
            time.sleep(_POLL_INTERVAL)
        self._end.result()
        yield DownloadProgress(total, total)

    def _run(self) -> None:
        try:
            self._receive()
        except BaseException as error:  # raised again in the threads that wait for the file
            self._end.set_exception(error)
        else:
            self._end.set_result(None)


T = TypeVar("T", bound=Transfer | None)


class Transfers:
    """The running downloads by key."""

    def __init__(self) -> None:
        self._guard = Lock()
        self._running: dict[Hashable, Transfer] = {}

    def join(self, key: Hashable, start: Callable[[], T]) -> Transfer | T:
        """Return the running download of that key, or what `start` returns: a new one, or None if none is needed."""
        with self._guard:
            running = self._running.get(key)
            if running and running.is_running:
                return running
            started = start()
            if isinstance(started, Transfer):
                self._running[key] = started
            return started

    def give_up(self, key: Hashable, transfer: Transfer) -> None:
        """Forget a download that may hang forever, so that the next request starts a new one."""
        with self._guard:
            if self._running.get(key) is transfer:
                del self._running[key]
