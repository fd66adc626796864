"""Writes the frames of a request as a film: GIF, or MP4 if PyAV is installed."""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np
from PIL import Image

from mirror_app.errors import MirrorError

FRAME_TIME, LAST_FRAME_TIME = 60, 1500  # milliseconds
MAX_FRAMES = 96
_SAMPLED, _SIDE = 16, 128  # how many frames give a GIF its palette, and to how many pixels each is reduced


class Film:
    """The frames of a film as PNG files: at most `max_frames`, evenly spaced, and the last one.

    Args:
        max_frames: The largest number of frames, not counting the last one.

    Example:
        >>> from mirror_app.export.animation import Film
        >>> film = Film(max_frames=3)
        >>> for number in range(8):
        ...     film.add(bytes([number]))
        >>> [still[0] for still in film.stills]
        [0, 4, 7]
    """

    def __init__(self, max_frames: int = MAX_FRAMES) -> None:
        self._max_frames = max_frames
        self._step = 1
        self._count = 0
        self._stills: list[bytes] = []
        self._last = b""

    def add(self, still: bytes) -> None:
        """Add the next frame, a PNG file; once there are too many frames, every second one is dropped."""
        if self._count % self._step == 0:
            self._stills.append(still)
        if len(self._stills) > self._max_frames:
            self._stills = self._stills[::2]
            self._step *= 2
        self._count += 1
        self._last = still

    @property
    def stills(self) -> list[bytes]:
        """The frames of the film, as PNG files."""
        return self._stills if self._stills and self._stills[-1] is self._last else [*self._stills, self._last]


def gif(stills: Sequence[bytes], name: str) -> bytes:
    """Return a film as a GIF file that loops.

    Args:
        stills: The frames, PNG files of equal size. Each is shown for 60 ms, the last one for 1.5 s.
        name: The name of the visualisation, for the error message.

    Raises:
        MirrorError: There is only one frame.

    Example:
        >>> import numpy as np
        >>> from mirror_app import render
        >>> from mirror_app.export.animation import gif
        >>> gif([render.png(np.full((8, 8, 3), grey, np.uint8)) for grey in (0, 255)], "Deep Dream")[:6]
        b'GIF89a'
    """
    if len(stills) == 1:
        raise _single_frame(name)
    palette = _palette(stills)
    # A palette for each frame would take far longer to find, and the colours would flicker.
    first, *others = (_read(still).quantize(palette=palette, dither=Image.Dither.NONE) for still in stills)
    file = io.BytesIO()
    durations = [FRAME_TIME] * len(others) + [LAST_FRAME_TIME]
    first.save(file, "GIF", save_all=True, append_images=others, duration=durations, loop=0)
    return file.getvalue()


def _palette(stills: Sequence[bytes]) -> Image.Image:
    """Return an image with the palette of 256 colours that suits a sample of the frames."""
    sample = [*stills[:: -(-len(stills) // _SAMPLED)], stills[-1]]
    sheet = Image.new("RGB", (_SIDE, _SIDE * len(sample)))
    for number, still in enumerate(sample):
        sheet.paste(_read(still).resize((_SIDE, _SIDE), Image.Resampling.NEAREST), (0, _SIDE * number))
    return sheet.quantize()


def _read(still: bytes) -> Image.Image:
    return Image.open(io.BytesIO(still)).convert("RGB")


def mp4(stills: Sequence[bytes], name: str) -> bytes:
    """Return a film as an MP4 file.

    Args:
        stills: The frames, PNG files of equal size. Each is shown for 60 ms.
        name: The name of the visualisation, for the error message.

    Returns:
        The file, in H.264. Odd widths and heights are extended by a black pixel, since H.264 requires even ones.

    Raises:
        MirrorError: There is only one frame, or PyAV is not installed.

    Example:
        >>> import numpy as np
        >>> from mirror_app import render
        >>> from mirror_app.export import animation
        >>> stills = [render.png(np.full((32, 32, 3), grey, np.uint8)) for grey in (0, 255)]
        >>> not animation.can_mp4() or animation.mp4(stills, "Deep Dream")[4:8] == b"ftyp"
        True
    """
    if len(stills) == 1:
        raise _single_frame(name)
    if not can_mp4():
        hint = "install it with pip install '.[film]', or write a .gif file"
        raise MirrorError("An MP4 file needs PyAV", culprit="PyAV", hint=hint)
    import av

    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        width, height = (side + side % 2 for side in Image.open(io.BytesIO(stills[0])).size)
        stream = container.add_stream("libx264", rate=round(1000 / FRAME_TIME))
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for still in stills:
            with Image.open(io.BytesIO(still)) as picture:
                even = Image.new("RGB", (width, height))
                even.paste(picture, (0, 0))
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.asarray(even), format="rgb24")))
        container.mux(stream.encode())
    return file.getvalue()


def can_mp4() -> bool:
    """Tell whether MP4 files can be written: PyAV is an optional dependency."""
    return find_spec("av") is not None


def _single_frame(name: str) -> MirrorError:
    return MirrorError(f"{name} is computed in one step and has no frames", culprit=name, hint="write a .png file")


@dataclass(frozen=True)
class Format:
    """A file format for films: its MIME type, the function that writes it, and whether it can be written here."""

    mime: str
    write: Callable[[Sequence[bytes], str], bytes]
    is_available: Callable[[], bool] = lambda: True


FORMATS = {".gif": Format("image/gif", gif), ".mp4": Format("video/mp4", mp4, can_mp4)}  # by file extension
