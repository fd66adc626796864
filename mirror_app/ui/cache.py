"""Everything that is kept between reruns and shared between visitors."""

import threading
from dataclasses import dataclass

import numpy as np
import streamlit as st
from PIL import Image, ImageOps

from mirror_app import engine, render
from mirror_app.engine import Result
from mirror_app.images import Picture
from mirror_app.layers import Layer
from mirror_app.models import Model, catalogue
from mirror_app.models.device import device
from mirror_app.models.shelf import Shelf
from mirror_app.request import Request

MODEL_BYTES = 4 * 2**30
COMPUTATIONS = 2
TILE = 128
COLUMNS = 8


@dataclass(frozen=True)
class Sheet:
    """Images as one PNG, `columns` to a row: how many are shown, and how many there are in all."""

    png: bytes
    columns: int
    shown: int
    count: int


def model(name: str) -> Model:
    """Return the model of that name, on the device that is chosen, from the shelf that all visitors share."""
    return _shelf().get(name)


def result(request: Request, picture: Picture) -> Result:
    """Return the raw numbers of `request`, computed only where no one has asked for them lately."""
    wanted = engine.computed(request)
    return _result(wanted.digest(), wanted, picture)


def sheet(request: Request, picture: Picture, first: int, count: int) -> Sheet:
    """Return `count` images of `request`, from the number `first` on, as a contact sheet; a single image as it is."""
    return _sheet(request.digest(), first, count, request, picture)


def prediction(model_name: str, picture: Picture) -> np.ndarray:
    """Return the probability of each class for `picture`."""
    return _prediction(model_name, picture.id, picture)


@st.cache_data(max_entries=32, show_spinner=False)
def tree(model_name: str) -> list[Layer]:
    """Return the layers of the model of that name, in the order in which they run."""
    return engine.tree(model(model_name))


@st.cache_data(max_entries=256, show_spinner=False)
def seen(model_name: str, picture_id: str, _picture: Picture) -> np.ndarray:
    """Return the picture as the model sees it, bytes (H, W, 3): what overlays lie on."""
    shown: np.ndarray = model(model_name).preprocessing.as_seen(_picture)
    return shown


@st.cache_data(max_entries=256, show_spinner=False)
def thumbnail(picture_id: str, side: int, _picture: Picture) -> np.ndarray:
    """Return the middle of a picture, bytes (side, side, 3)."""
    return np.asarray(ImageOps.fit(Image.fromarray(_picture.pixels), (side, side)))


@st.cache_resource(show_spinner=False)
def _shelf() -> Shelf:
    return Shelf(lambda name: catalogue.load(name, device()), MODEL_BYTES)


@st.cache_resource(show_spinner=False)
def _places() -> threading.BoundedSemaphore:
    return threading.BoundedSemaphore(COMPUTATIONS)


@st.cache_data(max_entries=256, max_size="256mb", show_spinner=False)
def _result(digest: str, _request: Request, _picture: Picture) -> Result:
    with _places():
        return engine.run(_request, model(_request.model), _picture)


@st.cache_data(max_entries=512, show_spinner=False)
def _prediction(model_name: str, picture_id: str, _picture: Picture) -> np.ndarray:
    with _places():
        return engine.predict(model(model_name), _picture)


@st.cache_data(max_entries=256, max_size="64mb", show_spinner=False)
def _sheet(digest: str, first: int, count: int, _request: Request, _picture: Picture) -> Sheet:
    background = seen(_request.model, _picture.id, _picture)
    images = engine.paint(_request, result(_request, _picture).raw, background)
    shown = images[first : first + count]
    if len(images) > 1:
        shown = render.shrink(shown, TILE)
    columns = min(len(shown), COLUMNS)
    return Sheet(render.png(render.pixels(render.grid(shown, columns))), columns, len(shown), len(images))
