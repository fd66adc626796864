"""What is kept of a request in a file: its picture, its frames as a film, its raw numbers."""

import io
from collections.abc import Sequence

import numpy as np
from PIL import Image

from mirror_app import engine
from mirror_app.errors import MirrorError
from mirror_app.request import Request

FRAME, LAST = 60, 1500  # milliseconds


def still(request: Request, raw: np.ndarray, seen: np.ndarray, page: int = 1) -> bytes:
    """Return the PNG file that the page shows of `request`; of a sheet, that page; raise MirrorError.

    `seen` is the picture as the model sees it, bytes (H, W, 3).
    """
    if raw.ndim == 2:
        raise MirrorError(
            f"The layer '{request.layer}' gives {raw.shape[1]} numbers and no picture: write an .npy file."
        )
    return engine.sheet(request, raw, seen, (page - 1) * engine.PAGE).png


def gif(stills: Sequence[bytes], name: str) -> bytes:
    """Return the PNG files as a film in a GIF file that begins again and again; raise MirrorError where it is one."""
    if len(stills) == 1:
        raise MirrorError(f"{name} is computed in one step and has no frames: write a .png file.")
    first, *others = (Image.open(io.BytesIO(still)).quantize() for still in stills)
    file = io.BytesIO()
    durations = [FRAME] * len(others) + [LAST]
    first.save(file, "GIF", save_all=True, append_images=others, duration=durations, loop=0)
    return file.getvalue()


def npy(raw: np.ndarray) -> bytes:
    """Return the raw numbers as a file for `numpy.load`."""
    file = io.BytesIO()
    np.save(file, raw)
    return file.getvalue()
