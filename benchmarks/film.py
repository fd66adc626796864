"""A film as a GIF file: how long it takes to encode, compared with Pillow's search for a palette for each frame."""

import io
import time

import numpy as np
from PIL import Image

from mirror_app import render
from mirror_app.export import animation

SIDE = 512


def seconds() -> tuple[float, float]:
    """Return the computing time of a GIF file of 97 frames, and that of finding a palette for each frame."""
    noise, picture = _enlarged(128), _enlarged(16)
    shares = np.linspace(0, 1, animation.MAX_FRAMES + 1)
    stills = [render.png((noise * (1 - share) + picture * share).astype(np.uint8)) for share in shares]
    started = time.process_time()
    animation.gif(stills, "the benchmark")
    encoded = time.process_time()
    for still in stills:
        Image.open(io.BytesIO(still)).quantize()
    return encoded - started, time.process_time() - encoded


def _enlarged(side: int) -> np.ndarray:
    pixels = np.random.default_rng(side).integers(0, 256, (side, side, 3), np.uint8)
    return np.asarray(Image.fromarray(pixels).resize((SIDE, SIDE), Image.Resampling.BICUBIC), np.float32)
