"""What is taken home of a request: the files say all of it, and bring it back."""

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qsl

import av
import numpy as np
import pytest
from PIL import Image

from mirror_app import engine, render
from mirror_app.bundled.examples import examples
from mirror_app.engine.request import Request
from mirror_app.export import animation, package
from mirror_app.export.snippet import snippet
from mirror_app.images import from_array
from mirror_app.models import catalogue
from mirror_app.visualisations import registry
from tests.networks import ANYWHERE, quick
from tests.refused import refused


@pytest.mark.minutes
@pytest.mark.parametrize("entry", ANYWHERE, ids=lambda entry: entry.key)
def test_the_package_of_every_visualisation_brings_its_request_back_to_the_bit(entry: registry.Entry) -> None:
    model, picture = catalogue.load("shapes"), examples()[2]
    request = Request("shapes", picture.id, "features.4", entry.key, entry.canonical(quick(entry)))
    result, model_input_rgb = engine.run(request, model, picture), model.preprocessing.model_input_rgb(picture)
    code = snippet(request, picture, None)
    packed = package.package(request, result.raw, result.info, picture.pixels, model_input_rgb, code)
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        told = archive.read("request.json").decode()
        raw = np.load(io.BytesIO(archive.read("raw.npy")))
        image = archive.read("picture.png")
        assert archive.read("picture.py").decode() == code
        assert np.array_equal(np.asarray(Image.open(io.BytesIO(archive.read("input.png")))), model_input_rgb)
    assert package.read_request(told) == request
    assert dict(parse_qsl(json.loads(told)["link"].removeprefix("?"))) == request.to_query()
    again = engine.run(package.read_request(told), model, picture)
    assert raw.tobytes() == result.raw.tobytes() == again.raw.tobytes()
    assert package.full_sheet(request, again.raw, model_input_rgb) == image


def test_the_whole_of_many_maps_is_one_picture() -> None:
    model, picture = catalogue.load("shapes"), examples()[0]
    request = Request("shapes", picture.id, "features", "activations")
    result, model_input_rgb = engine.run(request, model, picture), model.preprocessing.model_input_rgb(picture)
    sheet = Image.open(io.BytesIO(package.full_sheet(request, result.raw, model_input_rgb)))
    count, side = result.raw.shape[1], result.raw.shape[2]
    assert count > engine.PAGE
    assert sheet.size == (engine.COLUMNS * side, -(-count // engine.COLUMNS) * side)


def test_a_vector_has_no_picture_in_its_package() -> None:
    request = Request("shapes", "checked-heart", "classifier", "activations")
    blank = np.zeros((4, 4, 3), np.uint8)
    packed = package.package(request, np.zeros((1, 32), np.float32), {}, blank, blank, "")
    kept = set(zipfile.ZipFile(io.BytesIO(packed)).namelist())
    assert kept == {"raw.npy", "original.png", "input.png", "request.json"}


def test_the_package_of_ones_own_picture_runs_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (90, 150, 3), dtype=np.uint8)  # it will be cut
    model, picture = catalogue.load("shapes"), from_array(pixels, "holiday.jpg")
    request = Request("shapes", picture.id, "features.4", "hires-cam")
    result, model_input_rgb = engine.run(request, model, picture), model.preprocessing.model_input_rgb(picture)
    code = snippet(request, picture, package.ORIGINAL)
    packed = package.package(request, result.raw, result.info, picture.pixels, model_input_rgb, code)
    zipfile.ZipFile(io.BytesIO(packed)).extractall(tmp_path)
    monkeypatch.chdir(tmp_path)
    exec(Path("picture.py").read_text(), {})
    assert Path("hires-cam.png").read_bytes() == Path("picture.png").read_bytes()


@pytest.mark.parametrize("count", [1, 4, 5, 9, 100])
def test_a_film_keeps_few_frames_evenly_and_always_the_last(count: int) -> None:
    film = animation.Film(max_frames=4)
    for number in range(count):
        film.add(bytes([number]))
    kept = [still[0] for still in film.stills]
    assert kept[0] == 0
    assert kept[-1] == count - 1
    assert len(kept) <= 5
    assert len(set(np.diff(kept[:-1]))) <= 1
    assert count > 4 or kept == list(range(count))


def stills(count: int, size: tuple[int, int] = (31, 20)) -> list[bytes]:
    """PNG files that grow brighter."""
    made = []
    for number in range(count):
        file = io.BytesIO()
        Image.new("RGB", size, (8 * number, 8 * number, 8 * number)).save(file, "PNG")
        made.append(file.getvalue())
    return made


def test_an_mp4_film_has_every_frame_at_an_even_size() -> None:
    with av.open(io.BytesIO(animation.mp4(stills(9), "Deep Dream")), "r") as film:
        frames = [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]
    assert len(frames) == 9
    assert frames[0].shape == (20, 32, 3)
    assert [abs(float(frame[:, :31].mean()) - 8 * number) < 6 for number, frame in enumerate(frames)] == [True] * 9


def test_a_gif_film_has_every_frame_in_nearly_its_colours() -> None:
    ramp = np.linspace(0, 255, 64, dtype=np.uint8)
    across, down = np.meshgrid(ramp, ramp)
    frames = [np.stack([across, down, np.full_like(across, 60 * number)], 2) for number in range(5)]
    frames.append(np.full((64, 64, 3), (255, 0, 128), np.uint8))  # a colour of the last frame only
    with Image.open(io.BytesIO(animation.gif([render.png(frame) for frame in frames], "Deep Dream"))) as film:
        assert getattr(film, "n_frames", 1) == len(frames)
        for number, frame in enumerate(frames):
            film.seek(number)
            error = np.asarray(film.convert("RGB"), float) - frame
            assert (error**2).mean() ** 0.5 < 25, number
        assert abs(error).max() <= 8
        assert film.info["duration"] == animation.LAST_FRAME_TIME


@pytest.mark.parametrize("made", [animation.gif, animation.mp4])
def test_one_frame_is_no_film(made: Callable[[list[bytes], str], bytes]) -> None:
    with refused("Grad-CAM", hint=".png"):
        made(stills(1), "Grad-CAM")


def test_without_pyav_an_mp4_film_is_refused_with_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(animation, "find_spec", lambda _: None)
    with refused("PyAV", hint="pip install '.[film]'"):
        animation.mp4(stills(2), "Deep Dream")
