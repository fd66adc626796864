"""The gallery: what its cards show, its order, what it does with selected pictures, and how little it holds."""

import csv
import io
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import streamlit as st
import torch
from PIL import Image
from streamlit.testing.v1 import AppTest
from torch import Tensor, nn

from mirror_app import engine, live
from mirror_app.bundled.examples import examples
from mirror_app.engine import Prediction
from mirror_app.engine.request import Request
from mirror_app.images import Picture, from_array, pictures
from mirror_app.live.session import PreprocessingOverrides, live_session
from mirror_app.models import Model, catalogue
from mirror_app.probe.output_kind import OutputKind, OutputMeaning
from mirror_app.probe.outputs import Box
from mirror_app.ui import store
from mirror_app.ui.common import short_answer
from mirror_app.ui.common.short_answer import Answer
from mirror_app.ui.gallery import answers, controls
from mirror_app.ui.gallery.order import LABELS, arranged
from mirror_app.ui.store import Selection
from mirror_app.ui.store import pictures as stored_pictures
from tests.app import containers, page, plain, png, said
from tests.networks import Linear
from tests.ui.test_bad_inputs import read_here, uploads
from tests.ui.test_page import _empty_caches  # noqa: F401 - a fixture


def names(test: AppTest) -> list[str]:
    """The names on the cards, in the order of the page."""
    return [plain(name.markdown[0].value) for name in containers(test, r"name-\d+").values()]


def captions(test: AppTest) -> list[str]:
    """What stands below the names, in the order of the page."""
    return [plain(below.caption[0].value) for below in containers(test, r"answer-below-\d+").values()]


def select(test: AppTest, *card_names: str) -> AppTest:
    for name in containers(test, r"name-\d+").values():
        if plain(name.markdown[0].value) in card_names:
            name.checkbox[0].check()
    return test.run()


def press(test: AppTest, label: str) -> AppTest:
    (button,) = [button for button in test.button if button.label == label]
    return button.click().run()


def uploaded(test: AppTest, count: int, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    monkeypatch.setattr(pictures, "read_file_in_child", read_here)
    return uploads(test, *((f"{number:03}.png", png((number, 0, 9))) for number in range(count)))


def test_each_card_has_the_answer_and_the_map_of_explore(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[tuple[Selection, np.ndarray]] = []
    draw = store.thumbnail

    def drawing(selection: Selection, raw: np.ndarray, *others: Any) -> bytes:
        shown.append((selection, raw))
        return draw(selection, raw, *others)

    monkeypatch.setattr(store, "thumbnail", drawing)
    test = page("gallery", visualisation="layer-cam")
    assert not test.exception
    assert said(test) == []
    assert names(test) == [picture.name for picture in examples()]
    model = store.model("shapes")
    for picture, caption in zip(examples(), captions(test), strict=True):
        prediction = engine.predict(model, picture)
        number = int(prediction.answers.argmax())
        assert caption == f"{model.classes[number]} · {prediction.text(number)}"
    drawn = {selection.picture.id: (selection, raw) for selection, raw in shown}
    for picture in examples():
        selection, raw = drawn[picture.id]
        assert selection.entry.key == "layer-cam"
        np.testing.assert_array_equal(raw, engine.run(selection.request, model, picture).raw)


def test_the_order_and_the_class_are_in_the_link() -> None:
    test = page("gallery", **{"gallery.order": "surest"})
    shares = [float(caption.rpartition(" · ")[2].rstrip("%")) for caption in captions(test)]
    assert shares == sorted(shares, reverse=True)
    assert test.query_params["gallery.order"] in ("surest", ["surest"])
    test.segmented_control(key="gallery.order").set_value("name").run()
    assert names(test) == sorted(picture.name for picture in examples())
    heart = str(store.model("shapes").classes.index("checked heart"))
    test.selectbox(key="gallery.class").set_value(heart).run()
    assert names(test) == ["checked heart", "checked heart and striped heart"]
    assert test.query_params["gallery.class"] in (heart, [heart])
    st.cache_data.clear()  # as on a server on which nobody has seen these pictures
    again = page("gallery", **{"gallery.order": "name", "gallery.class": heart})
    assert names(again) == names(test)
    assert again.selectbox(key="gallery.class").options[0] == "All classes"
    assert "checked heart (2)" in again.selectbox(key="gallery.class").options
    for value in ("999", "-1", "x" * 1000):
        (sentence,) = said(page("gallery", **{"gallery.class": value}))
        assert value[:40] in sentence
        assert len(sentence) < 300
    assert len(said(page("gallery", **{"gallery.order": "sideways"}))) == 1
    assert len(names(page("gallery", **{"gallery.page": "99"}))) == len(examples())


ANSWERS = {
    "a": Answer(2, "cat", 0.5, "50%"),
    "b": Answer(1, "Bird", 0.9, "90%"),
    "c": Answer(2, "cat", 0.7, "70%"),
    "d": Answer(problem="It is too small."),
}
ORDERS = {"added": "eadcb", "name": "abcde", "class": "bcaed", "surest": "bcaed", "least-sure": "acbed"}


@pytest.mark.parametrize("order", LABELS)
def test_pictures_without_an_answer_come_last(order: str) -> None:
    own = [from_array(np.zeros((2, 2), np.uint8), name.upper() if name == "b" else name, name) for name in "eadcb"]
    assert "".join(picture.id for picture in arranged(own, ANSWERS, order, None)) == ORDERS[order]
    assert {picture.id for picture in arranged(own, ANSWERS, order, 2)} == {"a", "c"}


def test_the_table_has_all_pictures_and_runs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "read_file_in_child", read_here)
    hostile = ('=HYPERLINK("http://evil").png', "+1.png", "-1.png", "@x.png", "Käse, “gut”.png")
    test = uploads(page("gallery"), *((name, png((number, 1, 1))) for number, name in enumerate(hostile)))
    session = test.session_state.mirror
    listed = list(session.pictures.values())
    model = store.model("shapes")
    table = controls.table_of(
        listed, Selection.of(session.request, listed[0]), answers.finished(model, listed)
    )().decode()
    rows = list(csv.DictReader(io.StringIO(table, newline="")))
    assert [row["name"] for row in rows[: len(examples())]] == [picture.name for picture in examples()]
    assert [row["name"] for row in rows[len(examples()) :]] == [*(f"'{name}" for name in hostile[:4]), hostile[4]]
    for row, picture in zip(rows, listed, strict=True):
        prediction = engine.predict(model, picture)
        number = int(prediction.answers.argmax())
        assert (row["class number"], row["predicted class"]) == (str(number), model.classes[number])
        assert float(row["probability"]) == float(prediction.values[number])
        assert (row["model"], row["visualisation"], row["layer"]) == ("shapes", "Grad-CAM", "features")


def test_selected_pictures_are_compared_or_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    test = uploaded(page("gallery"), 20, monkeypatch)
    assert said(test) == []
    assert len(names(test)) == controls.PAGE
    assert {button.label: button.disabled for button in test.button}["Compare"]
    select(test, "checked disc", "000.png", "001.png")
    test.session_state["gallery.page"] = 2
    select(test.run(), "019.png")
    assert test.query_params["gallery.page"] in ("2", ["2"])
    press(test, "Remove")  # of those that the visitor added
    left = [picture.name for picture in test.session_state.mirror.pictures.values()]
    assert len(left) == len(examples()) + 17
    assert {"000.png", "001.png", "019.png"}.isdisjoint(left)
    test.session_state["gallery.page"] = 1
    test.session_state["compare.columns"], test.session_state["compare.visualisation"] = "visualisation", ["grad-cam"]
    select(test.run(), "005.png")
    press(test, "Compare")
    assert test.subheader[0].value == "Compare"
    ids = {picture.name: picture.id for picture in test.session_state.mirror.pictures.values()}
    assert test.session_state["compare.input"] == [ids["checked disc"], ids["005.png"]]
    assert test.session_state["compare.columns"] == "input"
    test.switch_page("../pages/gallery.py").run()
    press(test, "Select all")
    press(test, "Compare")
    assert len(test.session_state["compare.input"]) == 8
    assert not test.exception


def test_a_click_opens_the_picture_in_explore() -> None:
    test = page("gallery", visualisation="layer-cam", target_class="5")
    press(test, "Open checked disc in Explore")
    expected = Request("shapes", "checked-disc", "features", "layer-cam", (("target_class", 5),))
    assert test.session_state.mirror.request == expected
    assert test.subheader[0].value.startswith("checked disc")


class Picky(nn.Module):
    """A network that fails for one picture."""

    def __init__(self) -> None:
        super().__init__()
        self.net, self.failures = Linear(), [0]

    def forward(self, inputs: Tensor) -> Tensor:
        if bool((inputs == 0.75).all()):
            self.failures[0] += 1
            raise ZeroDivisionError("no such picture")
        logits: Tensor = self.net(inputs)
        return logits


@pytest.fixture
def picky() -> Iterator[tuple[str, Picky]]:
    """The name of a live model that fails for the second of three pictures, and the model."""
    module, inputs = Picky(), torch.rand(3, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    inputs[1] = 0.75
    shown = live_session("0a0b0c", inputs, module, None, PreprocessingOverrides())
    live.add(shown)
    yield next(iter(shown.models)), module
    live.remove(shown)


def test_an_error_spoils_its_own_card_only_and_is_not_repeated(picky: tuple[str, Picky]) -> None:
    name, module = picky
    test = page("gallery", model=name, visualisation="occlusion")
    assert not test.exception
    assert [" · " in caption for caption in captions(test)] == [True, False, True]
    assert "Something went wrong" in captions(test)[1]
    maps = [[caption.value for caption in slot.caption] for slot in containers(test, r"map-\d+").values()]
    assert [bool(sentences) for sentences in maps] == [False, True, False]
    module.failures[0] = 0
    session = live.session_of(name)
    assert session
    listed = session.pictures
    assert len(answers.complete(store.model(name), listed, {}, lambda _: None)) == 3
    assert module.failures[0] == 0


def test_a_visualisation_that_does_not_apply_says_so_in_each_card() -> None:
    test = page("gallery", visualisation="attention")
    maps = [plain(slot.caption[0].value) for slot in containers(test, r"map-\d+").values()]
    assert ["Grad-CAM" in sentence for sentence in maps] == [True] * len(examples())
    assert [" · " in caption for caption in captions(test)] == [True] * len(examples())


def test_what_is_no_class_is_given_in_short_too() -> None:
    in_short = partial(short_answer.in_short, model=store.model("shapes"))
    number = Prediction(np.array([2.5], np.float32), OutputMeaning(OutputKind.NUMBERS), "1", 0.0)
    assert (in_short(number).value, in_short(number).number) == (2.5, 0)
    box = Prediction(np.empty(0), None, "boxes", 0.0, (Box("box", 3, 0.75, (0.0, 0.0, 1.0, 1.0)),))
    assert (in_short(box).number, in_short(box).text) == (3, "75%")
    assert in_short(Prediction(np.empty(0), None, "3 × 4", 0.0)) == Answer()


def large(number: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (200, 150), (number, 0, 0)).save(file, "PNG")
    return file.getvalue()


def test_two_hundred_pictures_are_kept_as_files_and_shown_all_the_same(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings = tmp_path / "mirror.toml"
    settings.write_text("[mirror]\npicture_megabytes = 1\n", encoding="utf-8")
    monkeypatch.setenv("MIRROR_SETTINGS", str(settings))
    monkeypatch.setattr(pictures, "read_file_in_child", read_here)
    stored_pictures._pixel_cache.clear()
    test = uploads(page(), *((f"{number:03}.png", large(number)) for number in range(200)))
    assert len(test.session_state.mirror.added_pictures) == 200
    cache = stored_pictures._pixel_cache()
    assert 0 < cache.bytes <= 2**20  # of 18 MB
    test.switch_page("../pages/gallery.py").run(timeout=120)
    assert not test.exception
    assert len(names(test)) == controls.PAGE
    assert cache.bytes <= 2**20
    own: list[Picture] = test.session_state.mirror.added_pictures
    assert not any(isinstance(value, np.ndarray) for picture in own for value in vars(picture.stored).values())
    stored_pictures._pixel_cache.clear()


def test_the_strip_of_hundreds_is_drawn_once(monkeypatch: pytest.MonkeyPatch) -> None:
    own = [from_array(np.full((30, 40, 3), number, np.uint8), str(number)) for number in range(200)]
    ids = [picture.shown_id for picture in own]
    sheet = Image.open(io.BytesIO(store.strip(ids, 64, own)))
    assert sheet.size == (16 * 64, 13 * 64)
    assert [sheet.getpixel((64 * (n % 16) + 32, 64 * (n // 16) + 32)) for n in (0, 15, 16, 199)] == [
        (n, n, n) for n in (0, 15, 16, 199)
    ]
    monkeypatch.setattr(Picture, "pixels", property(lambda _: pytest.fail("It was drawn again.")))
    assert store.strip(ids, 64, own)
    assert store.strip(ids[:100], 64, own[:100])


def test_the_answers_are_those_of_a_model_whatever_its_size() -> None:
    model: Model = catalogue.load("shapes")
    states: list[str] = []
    completed = answers.complete(model, examples(), {examples()[0].id: Answer()}, states.append)
    assert completed[examples()[0].id] == Answer()  # is not computed again
    assert states[0] == f"Predicting: 1 of {len(examples())}"
    assert states[-1] == ""
