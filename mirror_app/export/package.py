"""What is kept of a request in files: its picture, its raw numbers, or all of it as a ZIP file."""

import io
import json
import sys
import zipfile
from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import version
from typing import Any
from urllib.parse import urlencode

import numpy as np

from mirror_app import engine, render
from mirror_app.engine.request import Request
from mirror_app.errors import MirrorError

ORIGINAL = "original.png"  # in a package: what its code reads


def still(request: Request, raw: np.ndarray, model_input_rgb: np.ndarray, page: int = 1) -> bytes:
    """Return the PNG file that the page shows of `request`; of a sheet, that page; raise MirrorError.

    `model_input_rgb` is the picture as the model sees it, bytes (H, W, 3).
    """
    if raw.ndim == 2:
        raise MirrorError(
            f"The layer '{request.layer}' gives {raw.shape[1]} numbers and no picture: write an .npy file."
        )
    return engine.sheet(request, raw, model_input_rgb, (page - 1) * engine.PAGE).png


def package(
    request: Request,
    raw: np.ndarray,
    info: Mapping[str, Any],
    original: np.ndarray,
    model_input_rgb: np.ndarray,
    code: str,
) -> bytes:
    """Return a ZIP file with all of a request: its images, its raw numbers, its input, its code, and what it is.

    `original` and `model_input_rgb` are the picture as it was given and as the model receives it, bytes (H, W, 3).
    `request.json` is read back by `read_request`. If there are several images, `picture.png` shows all of them.
    """
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        if raw.ndim > 2:
            archive.writestr("picture.png", full_sheet(request, raw, model_input_rgb))
        archive.writestr("raw.npy", npy(raw))
        archive.writestr(ORIGINAL, render.png(original))
        archive.writestr("input.png", render.png(model_input_rgb))
        archive.writestr("request.json", json.dumps(_about(request, info), indent=2, default=str))
        if code:
            archive.writestr("picture.py", code)
    return file.getvalue()


def full_sheet(request: Request, raw: np.ndarray, model_input_rgb: np.ndarray) -> bytes:
    """Return all images of a request as one PNG file, eight in a row; a single one as it is."""
    return engine.sheet(request, raw, model_input_rgb, 0, sys.maxsize).png


def read_request(text: str) -> Request:
    """Return the request in the text of a `request.json`."""
    record = json.loads(text)["request"]
    return Request(**{**record, "params": tuple(sorted(record["params"].items()))})


def _about(request: Request, info: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in info.items() if name not in ("params", "progress", "curve")}
    return {
        "request": {**asdict(request), "params": dict(request.params)},
        "link": "?" + urlencode(request.to_query()),
        "info": kept,
        "versions": {name: version(name) for name in ("mirror-app", "torch", "torchvision")},
    }


def npy(raw: np.ndarray) -> bytes:
    """Return the raw numbers as a file for `numpy.load`."""
    file = io.BytesIO()
    np.save(file, raw)
    return file.getvalue()
