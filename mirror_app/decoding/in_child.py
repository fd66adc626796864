"""Decodes a picture in a process of its own, which is ended if it takes too long or too much memory."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Timer
from typing import cast

import numpy as np

from mirror_app.decoding import child
from mirror_app.decoding.files import Decoded, UnreadableError
from mirror_app.turns import NOBODY, Turns, Visitor

_TURNS = Turns(1)  # one at a time, since a picture may take hundreds of megabytes until it is decoded
SECONDS = 5  # of computing
# The process may take up to this many times SECONDS on the clock, since a busy machine gives it little computing time.
_PATIENCE = 20
_PACKAGE = Path(__file__).resolve().parents[2]


def read_file_in_child(data: bytes, max_pixels: int, visitor: Visitor = NOBODY) -> Decoded:
    """Do what `read_file` does in another process, in the `visitor`'s turn.

    Raises UnreadableError also if that process has to be ended.
    """
    paths = os.pathsep.join(filter(None, (str(_PACKAGE), os.environ.get("PYTHONPATH"))))
    environment = {**os.environ, "PYTHONPATH": paths, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", child.__name__]
    try:
        with (
            _TURNS.take(visitor),
            subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment
            ) as process,
            _killed_after(process, _PATIENCE * SECONDS),
        ):
            return _exchange(process, b"%d %d\n" % (max_pixels, SECONDS) + data)
    except OSError as error:  # the system starts no process
        raise UnreadableError(f"cannot be read now ({error.strerror})") from error


@contextmanager
def _killed_after(process: "subprocess.Popen[bytes]", seconds: float) -> Iterator[None]:
    timer = Timer(seconds, process.kill)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        process.kill()


def _exchange(process: "subprocess.Popen[bytes]", request: bytes) -> Decoded:
    """Send the request, which the process reads whole before it answers, and return its answer."""
    assert process.stdin is not None
    assert process.stdout is not None
    with suppress(OSError), process.stdin:  # the process may have ended already
        process.stdin.write(request)
    line = process.stdout.readline()
    if not line:
        raise UnreadableError("takes too much time or memory to read")
    answer = json.loads(line)
    if "reason" in answer:
        raise UnreadableError(answer["reason"])
    pixels = np.empty(answer["shape"], np.uint8)
    if cast(io.BufferedReader, process.stdout).readinto(pixels.data.cast("B")) != pixels.size:
        raise UnreadableError("takes too much time or memory to read")
    pixels.flags.writeable = False
    return pixels, tuple(answer["notes"])
