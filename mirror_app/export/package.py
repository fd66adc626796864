"""What is kept of a request in a file: its picture, its frames as a film, its raw numbers."""

import io
import json
import sys
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any
from urllib.parse import urlencode

import numpy as np
from PIL import Image

from mirror_app import engine, render
from mirror_app.engine.request import Request
from mirror_app.errors import MirrorError

FRAME, LAST = 60, 1500  # milliseconds
FRAMES = 96
ORIGINAL = "original.png"  # in a package: what its code reads


def still(request: Request, raw: np.ndarray, seen: np.ndarray, page: int = 1) -> bytes:
    """Return the PNG file that the page shows of `request`; of a sheet, that page; raise MirrorError.

    `seen` is the picture as the model sees it, bytes (H, W, 3).
    """
    if raw.ndim == 2:
        raise MirrorError(
            f"The layer '{request.layer}' gives {raw.shape[1]} numbers and no picture: write an .npy file."
        )
    return engine.sheet(request, raw, seen, (page - 1) * engine.PAGE).png


class Film:
    """Frames of a request as PNG files: at most so many, as far apart as they must be, and always the last."""

    def __init__(self, most: int = FRAMES) -> None:
        self._most = most
        self._every = 1
        self._seen = 0
        self._kept: list[bytes] = []
        self._last = b""

    def add(self, still: bytes) -> None:
        """Take the next frame; once there are too many, every second one of those before goes."""
        if self._seen % self._every == 0:
            self._kept.append(still)
        if len(self._kept) > self._most:
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
        raise MirrorError("An MP4 file needs PyAV: install it with pip install mirror-app[film], or write a .gif file.")
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


def package(
    request: Request, raw: np.ndarray, info: Mapping[str, Any], original: np.ndarray, seen: np.ndarray, code: str
) -> bytes:
    """Return a ZIP file with all of a request: its images, its raw numbers, its input, its code, and what it is.

    The picture is kept twice, as bytes (H, W, 3): the `original`, and as `seen` by the model. `request.json` holds what
    `read_request` reads back; of many images, `picture.png` has all.
    """
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        if raw.ndim > 2:
            archive.writestr("picture.png", whole(request, raw, seen))
        archive.writestr("raw.npy", npy(raw))
        archive.writestr(ORIGINAL, render.png(original))
        archive.writestr("input.png", render.png(seen))
        archive.writestr("request.json", json.dumps(_about(request, info), indent=2, default=str))
        if code:
            archive.writestr("picture.py", code)
    return file.getvalue()


def whole(request: Request, raw: np.ndarray, seen: np.ndarray) -> bytes:
    """Return all images of a request as one PNG file, eight in a row; a single one as it is."""
    return engine.sheet(request, raw, seen, 0, sys.maxsize).png


def read_request(text: str) -> Request:
    """Return the request that a `request.json` tells of."""
    said = json.loads(text)["request"]
    return Request(**{**said, "params": tuple(sorted(said["params"].items()))})


def _no_film(name: str) -> MirrorError:
    return MirrorError(f"{name} is computed in one step and has no frames: write a .png file.")


def _about(request: Request, info: Mapping[str, Any]) -> dict[str, Any]:
    told = {name: value for name, value in info.items() if name not in ("params", "progress", "curve")}
    return {
        "request": {**asdict(request), "params": dict(request.params)},
        "link": "?" + urlencode(request.to_query()),
        "info": told,
        "versions": {name: version(name) for name in ("mirror-app", "torch", "torchvision")},
    }


def npy(raw: np.ndarray) -> bytes:
    """Return the raw numbers as a file for `numpy.load`."""
    file = io.BytesIO()
    np.save(file, raw)
    return file.getvalue()
