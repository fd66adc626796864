"""Bad input of every kind at the door of the page: each has the outcome that it should, and costs nothing.

The cases have the numbers of the list that we work from: F files, I images, P parameters, Q addresses and HTTP. What
happens to a file before the page sees it is in `tests/images/`, to weights in `test_user_models.py`.
"""

import http.client
import io
import re
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
import torch
from PIL import Image
from streamlit.testing.v1 import AppTest
from torch import Tensor

from mirror_app import engine
from mirror_app.decoding.files import Decoded, read_file
from mirror_app.engine.request import Request
from mirror_app.images import Picture, from_array, pictures
from mirror_app.models import catalogue
from mirror_app.probe import fingerprint
from mirror_app.settings.limits import PROFILES
from mirror_app.ui import store
from mirror_app.visualisations import registry
from tests import ROOT
from tests.app import cheaply, container, figures, lives, page, png, said, upload
from tests.networks import ANYWHERE, TARGETED, Tricky, quick
from tests.refused import refused
from tests.server import Answer, knock, serve


@pytest.fixture(autouse=True)
def _untouched() -> Iterator[None]:
    """Whatever comes in: the model that all visitors share stays as it was."""
    before = fingerprint(store.model("shapes").module)
    yield
    assert fingerprint(store.model("shapes").module) == before


def uploads(test: AppTest, *files: tuple[str, bytes]) -> AppTest:
    for name, content in files:
        test.file_uploader[0].upload(name, content, "image/png")
    return test.run()


HOSTILE_NAMES = (
    "../../x.png",
    "x" * 300 + ".png",
    "\u202egnp.exe😀.png",
    "<img src=x onerror=alert(1)>.png",
)


@pytest.mark.parametrize("name", HOSTILE_NAMES, ids=["path", "long", "direction", "markup"])
def test_f12_a_hostile_file_name_is_shown_as_text(name: str) -> None:
    test = upload(page(), name, png())
    assert lives(test)
    (own,) = test.session_state.mirror.added_pictures
    assert own.name.isprintable()
    assert len(own.name) <= 60
    assert not any(re.search(r"(?<!\\)<img", caption.value) for caption in test.caption)


def read_here(data: bytes, max_pixels: int, _: object) -> Decoded:
    """Decode a file without a process of its own, which takes a sixth of a second each."""
    return read_file(data, max_pixels)


def test_f13_of_hundreds_of_files_at_once_some_are_taken_and_the_rest_refused_in_a_few_sentences(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pictures, "read_file_in_child", read_here)
    limit = PROFILES["own"].visitor_pictures
    assert limit == 200
    test = uploads(page(), *((f"{number}.png", png((number, 0, 0))) for number in range(limit + 1)))
    assert lives(test)
    assert len(test.session_state.mirror.added_pictures) == limit
    (sentence,) = said(test)
    assert f"'{limit}.png'" in sentence
    assert figures(sentence.replace(f"'{limit}.png'", "")) == [str(limit)]
    test = uploads(test, *((f"more-{number}.png", png((0, 0, number))) for number in range(1, 11)))
    assert len(test.error) == 1  # one box
    sentences = said(test)
    assert [f"'more-{number}.png'" in sentence for number, sentence in enumerate(sentences[:3], 1)] == [True] * 3
    assert figures(sentences[3]) == ["7"]
    assert len(sentences) == 4


def said_beside_the_uploader(test: AppTest) -> str:
    beside = container(test, "add")
    assert beside is not None
    return str(beside.markdown[0].value)


def test_f13_the_limit_is_said_before_the_upload_and_set_in_the_settings(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert said_beside_the_uploader(page()) == "Up to 200 pictures, 10 MB each"
    settings = tmp_path / "mirror.toml"
    settings.write_text('[mirror]\nprofile = "hosted"\nvisitor_pictures = 1\n', encoding="utf-8")
    monkeypatch.setenv("MIRROR_SETTINGS", str(settings))
    test = uploads(page(), ("first.png", png()), ("second.png", png((1, 2, 3))))
    assert said_beside_the_uploader(test) == "Up to 1 picture, 10 MB each"
    (sentence,) = said(test)
    assert "1 picture" in sentence
    assert "'second.png'" in sentence


def test_f16_of_two_files_with_one_name_each_is_itself() -> None:
    test = uploads(page(), ("same.png", png((250, 0, 0))), ("same.png", png((0, 0, 250))))
    first, second = test.session_state.mirror.added_pictures
    assert [first.name, second.name] == ["same.png"] * 2
    assert first.id != second.id
    assert test.session_state.mirror.picture == second.id
    assert tuple(second.pixels[0, 0]) == (0, 0, 250)


def rendered(entry: registry.Entry, picture: Picture) -> Tensor:
    model = store.model("shapes")
    request = Request("shapes", picture.id, "features", entry.key, entry.canonical(quick(entry)))
    result = engine.run(request, model, picture)
    return engine.render_images(request, result.raw, model.preprocessing.model_input_rgb(picture))


@pytest.mark.parametrize("entry", ANYWHERE, ids=lambda entry: entry.key)
@pytest.mark.parametrize("value", [0, 255])
def test_i24_a_constant_picture_gives_finite_numbers_and_colours(entry: registry.Entry, value: int) -> None:
    images = rendered(entry, from_array(np.full((40, 50, 3), value, np.uint8), "constant"))
    assert images.isfinite().all()
    assert 0 <= images.min() <= images.max() <= 1


SIDES = [(1, 1), (2, 2), (97, 311), (1, 6000)]


def noise(sides: tuple[int, int]) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (*sides, 3)).astype(np.uint8)


@pytest.mark.parametrize("entry", ANYWHERE, ids=lambda entry: entry.key)
@pytest.mark.parametrize("sides", [(1, 1), (1, 6000)])
def test_i6_to_i9_every_visualisation_takes_a_picture_of_any_shape(
    entry: registry.Entry, sides: tuple[int, int]
) -> None:
    images = rendered(entry, from_array(noise(sides), "odd"))
    assert images.isfinite().all()


@pytest.mark.parametrize("entry", {entry.look: entry for entry in ANYWHERE}.values(), ids=lambda entry: entry.key)
@pytest.mark.parametrize("sides", SIDES)
def test_i6_to_i9_a_picture_of_any_shape_is_shown(entry: registry.Entry, sides: tuple[int, int]) -> None:
    pixels = noise(sides)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    test = upload(page(visualisation=entry.key, **cheaply(entry)), "odd.png", file.getvalue())
    assert lives(test)
    assert not test.error


@pytest.mark.parametrize("entry", TARGETED, ids=lambda entry: entry.key)
@pytest.mark.parametrize("target", ["-1", "32", "1000", "nan", "1e999", "９", "None"])
def test_p1_to_p3_a_class_that_there_is_not(entry: registry.Entry, target: str) -> None:
    test = page(visualisation=entry.key, target_class=target, **cheaply(entry))
    assert lives(test)
    sentence = said(test)[0]
    if target in ("32", "1000"):
        assert figures(sentence) == [target, "0", "31"]
    else:
        assert "target_class" in sentence
        assert f"'{target}'" in sentence


@pytest.mark.parametrize("entry", [entry for entry in ANYWHERE if entry.kind.uses_layer], ids=lambda entry: entry.key)
@pytest.mark.parametrize("layer", ["spare", "late.nothing", "list"])
def test_p4_p5_a_layer_that_there_is_not_or_that_never_runs(entry: registry.Entry, layer: str) -> None:
    visualisation = entry.kind(Tricky())
    if entry.key == "kernels" and layer != "late.nothing":  # weights are there whether they run or not
        visualisation(torch.rand(1, 3, 32, 32), layer)
        return
    there = {"at": "the layer"} if "at" in entry.method_params else {}
    is_known = layer != "late.nothing"
    with refused(culprit=layer, accepted=() if is_known else ["late"], hint="a layer that runs" if is_known else ""):
        visualisation(torch.rand(1, 3, 32, 32), layer, **there)


def named_layers(sentence: str) -> set[str]:
    """The layers of the bundled network that a sentence names between quotation marks."""
    return {layer.name for layer in engine.tree(store.model("shapes")) if f"'{layer.name}'" in sentence}


@pytest.mark.parametrize("layer", ["pool", "classifier"])
@pytest.mark.parametrize("entry", registry.entries(), ids=lambda entry: entry.key)
def test_p6_p7_a_layer_without_a_map_is_shown_or_refused_with_another(entry: registry.Entry, layer: str) -> None:
    test = page(visualisation=entry.key, layer=layer, **cheaply(entry))
    assert not test.exception
    assert not test.error
    assert lives(test) or named_layers(said(test)[0]) - {layer} or entry not in ANYWHERE


@pytest.mark.parametrize("entry", registry.entries(), ids=lambda entry: entry.key)
def test_p8_to_p10_numbers_out_of_bounds_are_refused(entry: registry.Entry) -> None:
    for name, parameter in entry.params.items():
        if not hasattr(parameter, "min"):
            continue
        for text in ("inf", "nan", "1e999", "-1e9", "text", ""):
            with refused(accepted=parameter.accepts(), problem=name):
                entry.parse(name, text)


def test_p12_of_many_changes_in_a_row_the_last_one_counts() -> None:
    test = page()
    for number in range(20):
        test.toggle(key="grad-cam.guide").set_value(number % 2 == 0)
    test.run()
    assert lives(test)
    assert test.session_state.mirror.request.params == ()


@pytest.mark.parametrize(
    "query",
    [
        {"model": "../../etc/passwd"},
        {"model": "torchvision.models:resnet18"},
        {"model": "/etc/passwd"},
        {"layer": "<script>alert(1)</script>"},
        {"input": "x" * 10_000},
        {"visualisation": "\0\ufffd\udcff".encode("utf-8", "replace").decode()},
        {"filter": "9" * 400},
    ],
)
def test_q1_to_q5_an_address_that_is_wrong(query: dict[str, str]) -> None:
    test = page(**query)
    assert lives(test)
    (sentence,) = said(test)
    assert len(sentence) < 300


def test_q4_of_a_key_that_is_repeated_one_counts() -> None:
    assert lives(page(visualisation=["activations", "grad-cam"]))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The dashboard as `make run` starts it; its folder for temporary files is one of ours."""
    options = ("--server.allowedHosts", "localhost", "--server.allowedHosts", "127.0.0.1")
    with serve(ROOT / "mirror_app" / "main.py", *options, env={"TMPDIR": str(tmp_path_factory.mktemp("spool"))}) as url:
        yield url


def connected(url: str) -> AbstractContextManager[http.client.HTTPConnection]:
    return closing(http.client.HTTPConnection(urlsplit(url).netloc, timeout=20))


def test_q6_a_websocket_from_elsewhere_is_refused(server: str) -> None:
    assert knock(server, Origin=server) == 101
    assert knock(server, Origin="https://evil.example") == 403
    # A name of the attacker's own that leads to this machine: host and origin agree.
    assert 400 <= knock(server, Origin="http://evil.example", Host="evil.example") < 500


def test_q7_an_upload_without_the_token_is_refused(server: str) -> None:
    assert Answer(server, "/_stcore/upload_file/session/file", "PUT", png()).status in (400, 403)


@pytest.mark.parametrize(
    "path", ["/media/../../../etc/passwd", "/component/../../etc/passwd", "/media/%2e%2e/etc/passwd"]
)
def test_q8_no_path_leads_out_of_the_server(server: str, path: str) -> None:
    with connected(server) as connection:
        connection.request("GET", path)
        with connection.getresponse() as response:
            assert b"root:" not in response.read()


def test_f15_of_an_upload_that_breaks_off_nothing_stays(server: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    part = b'--edge\r\nContent-Disposition: form-data; name="file"; filename="x.png"\r\n\r\n'
    with connected(server) as connection:
        connection.putrequest("PUT", "/_stcore/upload_file/session/file")
        connection.putheader("Content-Type", "multipart/form-data; boundary=edge")
        connection.putheader("Content-Length", str(8 * 2**20))
        connection.endheaders(part + bytes(4 * 2**20))
    time.sleep(1)
    assert Answer(server, "/_stcore/health").status == 200
    spool = next(tmp_path_factory.getbasetemp().glob("spool*"))
    assert not [file for file in spool.rglob("*") if file.is_file()]


def test_no_model_is_loaded_by_a_path_in_an_address() -> None:
    path = str(ROOT / "mirror_app" / "bundled" / "weights" / "shapes.safetensors")
    with refused(culprit=path, accepted=["shapes"]):
        catalogue.check(path)
