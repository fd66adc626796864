"""The frames of a request as a film: GIF, or MP4 where PyAV is there."""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np
from PIL import Image

from mirror_app.errors import MirrorError

FRAME, LAST = 60, 1500  # milliseconds
FRAMES = 96


class Film:
    """Frames of a request as PNG files: at most so many, as far apart as they must be, and always the last."""

    def __init__(self, max_frames: int = FRAMES) -> None:
        self._max_frames = max_frames
        self._every = 1
        self._seen = 0
        self._kept: list[bytes] = []
        self._last = b""

    def add(self, still: bytes) -> None:
        """Take the next frame; once there are too many, every second one of those before goes."""
        if self._seen % self._every == 0:
            self._kept.append(still)
        if len(self._kept) > self._max_frames:
            self._kept = self._kept[::2]
            self._every *= 2
        self._seen += 1
        self._last = still

    @property
    def stills(self) -> list[bytes]:
        return self._kept if self._kept and self._kept[-1] is self._last else [*self._kept, self._last]


def gif(stills: Sequence[bytes], name: str) -> bytes:
    """Return the PNG files as a film in a GIF file that begins again and again; raise MirrorError where it is one."""
    if len(stills) == 1:
        raise _no_film(name)
    first, *others = (Image.open(io.BytesIO(still)).quantize() for still in stills)
    file = io.BytesIO()
    durations = [FRAME] * len(others) + [LAST]
    first.save(file, "GIF", save_all=True, append_images=others, duration=durations, loop=0)
    return file.getvalue()


def mp4(stills: Sequence[bytes], name: str) -> bytes:
    """Return the PNG files as a film in an MP4 file; raise MirrorError where it is one, or where PyAV is missing."""
    if len(stills) == 1:
        raise _no_film(name)
    if not can_mp4():
        raise MirrorError("An MP4 file needs PyAV: install it with pip install '.[film]', or write a .gif file.")
    import av

    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as film:
        width, height = (side + side % 2 for side in Image.open(io.BytesIO(stills[0])).size)  # H.264 wants them even
        stream = film.add_stream("libx264", rate=round(1000 / FRAME))
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for still in stills:
            with Image.open(io.BytesIO(still)) as picture:
                even = Image.new("RGB", (width, height))
                even.paste(picture, (0, 0))
            film.mux(stream.encode(av.VideoFrame.from_ndarray(np.asarray(even), format="rgb24")))
        film.mux(stream.encode())
    return file.getvalue()


def can_mp4() -> bool:
    """Tell whether MP4 files can be written: PyAV is an extra."""
    return find_spec("av") is not None


def _no_film(name: str) -> MirrorError:
    return MirrorError(f"{name} is computed in one step and has no frames: write a .png file.")


@dataclass(frozen=True)
class Format:
    """A kind of file for films: its MIME type, the function that writes it, and whether that is possible here."""

    mime: str
    write: Callable[[Sequence[bytes], str], bytes]
    is_available: Callable[[], bool] = lambda: True


FORMATS = {".gif": Format("image/gif", gif), ".mp4": Format("video/mp4", mp4, can_mp4)}  # by the ending of the file
