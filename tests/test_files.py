"""What is taken home of a request: the files say all of it, and bring it back."""

import io
import json
import zipfile
from urllib.parse import parse_qsl

import numpy as np
import pytest
from PIL import Image

from mirror_app import engine, files, registry
from mirror_app.models import catalogue
from mirror_app.models.examples import examples
from mirror_app.request import Request
from mirror_app.snippet import snippet
from tests.networks import ANYWHERE, quick


@pytest.mark.parametrize("entry", ANYWHERE, ids=lambda entry: entry.key)
def test_the_package_of_every_visualisation_brings_its_request_back_to_the_bit(entry: registry.Entry) -> None:
    model, picture = catalogue.load("shapes"), examples()[2]
    request = Request("shapes", picture.id, "features.4", entry.key, entry.canonical(quick(entry)))
    result, seen = engine.run(request, model, picture), model.preprocessing.as_seen(picture)
    code = snippet(request, picture, bundled=True)
    with zipfile.ZipFile(io.BytesIO(files.package(request, result.raw, result.info, seen, code))) as archive:
        told = archive.read("request.json").decode()
        raw = np.load(io.BytesIO(archive.read("raw.npy")))
        image = archive.read("picture.png")
        assert archive.read("picture.py").decode() == code
        assert np.array_equal(np.asarray(Image.open(io.BytesIO(archive.read("input.png")))), seen)
    assert files.read_request(told) == request
    assert dict(parse_qsl(json.loads(told)["link"].removeprefix("?"))) == request.to_query()
    again = engine.run(files.read_request(told), model, picture)
    assert raw.tobytes() == result.raw.tobytes() == again.raw.tobytes()
    assert files.whole(request, again.raw, seen) == image


def test_the_whole_of_many_maps_is_one_picture() -> None:
    model, picture = catalogue.load("shapes"), examples()[0]
    request = Request("shapes", picture.id, "features", "activations")
    result, seen = engine.run(request, model, picture), model.preprocessing.as_seen(picture)
    sheet = Image.open(io.BytesIO(files.whole(request, result.raw, seen)))
    count, side = result.raw.shape[1], result.raw.shape[2]
    assert count > engine.PAGE
    assert sheet.size == (engine.COLUMNS * side, -(-count // engine.COLUMNS) * side)


def test_a_vector_has_no_picture_in_its_package() -> None:
    request = Request("shapes", "checked-heart", "classifier", "activations")
    package = files.package(request, np.zeros((1, 32), np.float32), {}, np.zeros((4, 4, 3), np.uint8), "")
    assert set(zipfile.ZipFile(io.BytesIO(package)).namelist()) == {"raw.npy", "input.png", "request.json"}


@pytest.mark.parametrize("count", [1, 4, 5, 9, 100])
def test_a_film_keeps_few_frames_evenly_and_always_the_last(count: int) -> None:
    film = files.Film(most=4)
    for number in range(count):
        film.add(bytes([number]))
    kept = [still[0] for still in film.stills]
    assert kept[0] == 0
    assert kept[-1] == count - 1
    assert len(kept) <= 5
    assert len(set(np.diff(kept[:-1]))) <= 1
    assert count > 4 or kept == list(range(count))
