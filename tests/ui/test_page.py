"""The page as a script: what it shows, what it keeps, and what it says to bad input."""

import io
from collections.abc import Generator, Iterator
from typing import Any

import numpy as np
import pytest
import streamlit as st
import torch
from PIL import Image
from streamlit.dataframe_util import convert_arrow_bytes_to_pandas_df

from mirror_app import engine, layers
from mirror_app.bundled.examples import examples
from mirror_app.engine.request import Request
from mirror_app.params import Number, Value
from mirror_app.ui import store
from mirror_app.ui.common.page_parts import BARS
from mirror_app.ui.state import widget_state
from mirror_app.visualisations import registry
from tests.app import captions, cheaply, figures, head, lives, page, png, provenance, said, upload
from tests.images.test_colours import P3, profile
from tests.networks import ANYWHERE, quick


@pytest.fixture(autouse=True)
def _empty_caches() -> Iterator[None]:
    st.cache_data.clear()
    yield
    st.cache_data.clear()


def test_the_first_picture_needs_no_click() -> None:
    test = page()
    assert lives(test)
    assert said(test) == []
    assert head(test)[0] == "Grad-CAM"
    assert test.session_state.mirror.request == Request("shapes", examples()[0].id, "features", "grad-cam")


@pytest.mark.parametrize("entry", registry.entries(), ids=lambda entry: entry.key)
def test_every_visualisation_is_offered_with_a_widget_for_each_of_its_parameters(entry: registry.Entry) -> None:
    test = page(visualisation=entry.key, **cheaply(entry))
    assert not test.exception
    assert lives(test) or entry not in ANYWHERE
    assert head(test)[0] == entry.name
    kinds = ("slider", "number_input", "text_input", "selectbox", "radio", "toggle")
    drawn = {widget.key for kind in kinds for widget in getattr(test, kind)}
    for name, parameter in entry.params.items():
        met = parameter.when is None or entry.params[str(parameter.when[0])].default in parameter.when[1:]
        assert (widget_state.param(entry, name).key in drawn) == met, name


def test_a_view_that_was_seen_before_is_not_computed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Request] = []
    frames = engine.frames

    def counted(request: Request, *others: Any) -> Generator[engine.Result, None, None]:
        calls.append(request)
        return frames(request, *others)

    monkeypatch.setattr(engine, "frames", counted)
    test = page()
    assert not provenance(test).cached
    test.slider(key="grad-cam.strength").set_value(0.3).run()
    assert len(calls) == 1  # a look costs no computation
    assert provenance(test).cached
    test.toggle(key="grad-cam.guide").set_value(True).run()
    assert len(calls) == 2
    test.toggle(key="grad-cam.guide").set_value(False).run()
    assert len(calls) == 2


def test_nobody_learns_that_somebody_else_had_the_same_picture() -> None:
    first = upload(page(), "mine.png", png())
    assert not provenance(first).cached
    second = upload(page(), "mine too.png", png())
    assert not provenance(second).cached  # although the result is shared
    second.slider(key="grad-cam.strength").set_value(0.3).run()
    assert not provenance(second).cached
    second.selectbox(key="target_class").select(9).run()
    second.slider(key="grad-cam.strength").set_value(0.4).run()
    assert provenance(second).cached  # its own
    assert provenance(first.run()).cached


def test_the_class_that_is_picked_is_the_one_that_is_shown() -> None:
    test = page()
    test.selectbox(key="target_class").select(9).run()
    classes = store.model("shapes").classes
    assert provenance(test).target == classes[9]
    assert dict(test.session_state.mirror.request.params) == {"target_class": 9}


@pytest.mark.parametrize("entry", ANYWHERE, ids=lambda entry: entry.key)
def test_a_link_opens_the_same_request(entry: registry.Entry) -> None:
    changed: dict[str, Value] = quick(entry)
    for name, parameter in entry.params.items():
        if name in changed:
            continue
        match parameter.default:
            case bool(value):
                changed[name] = not value
            case None:
                changed[name] = 5
            case float() if isinstance(parameter, Number):
                changed[name] = min(max(0.25, parameter.min), parameter.max)
            case str(value):
                changed[name] = next(option for option in parameter.options if option != value)  # type: ignore[attr-defined]
    request = Request("shapes", examples()[3].id, "features.4", entry.key, entry.canonical(changed))
    test = page(**request.to_query())
    assert lives(test)
    assert not test.error
    assert test.session_state.mirror.request == request
    assert test.query_params == request.to_query()


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ({"model": "../../etc/passwd"}, ["model", "'../../etc/passwd'"]),
        ({"model": "shaeps"}, ["'shaeps'", "'shapes'"]),
        ({"layer": "features.99"}, ["layer", "'features.99'"]),
        ({"layer": "<script>alert(1)</script>"}, ["layer", "'<script>"]),
        ({"visualisation": "grad-kam"}, ["'grad-kam'", "'grad-cam'"]),
        ({"input": "0123456789abcdef"}, ["uploaded picture"]),
        ({"strength": "1e999"}, ["strength", "0 to 1", "inf"]),
        ({"strength": "loud"}, ["strength", "0 to 1", "'loud'"]),
        ({"target_class": "-1"}, ["target_class", "'features.8:3'", "':out:15@12,80'", "'-1'"]),
        ({"target_class": "32"}, ["32", "0 to 31"]),
        ({"guide": "x" * 10_000}, ["guide", "'xxx"]),
        ({"no\x00thing\ufffd": "1"}, ["Grad-CAM", "'no\x00thing\ufffd'"]),
    ],
)
def test_a_bad_link_is_one_sentence_and_the_page_lives_on(query: dict[str, str], named: list[str]) -> None:
    test = page(**query)
    assert lives(test)
    (sentence,) = said(test)
    assert [name for name in named if name not in sentence] == []
    assert len(sentence) < 300
    assert said(test.run()) == []  # said once


def test_uploads_are_taken_selected_and_removed() -> None:
    test = page()
    upload(test, "red.png", png())
    assert lives(test)
    session = test.session_state.mirror
    assert [own.name for own in session.added_pictures] == ["red.png"]
    assert session.picture == session.added_pictures[0].id == session.request.input
    upload(test, "red too.png", png())
    assert len(session.added_pictures) == 1  # the same pixels
    test.button[0].click().run()
    assert test.session_state.mirror.added_pictures == []
    assert lives(test)


def test_a_file_whose_colours_were_converted_says_so() -> None:
    file = io.BytesIO()
    Image.new("RGB", (60, 40), (200, 30, 30)).save(file, "PNG", icc_profile=profile(P3))
    test = upload(page(), "wide.png", file.getvalue())
    assert lives(test)
    (note,) = test.session_state.mirror.selected_picture.notes
    assert note in captions(test)
    upload(test, "red.png", png())
    assert test.session_state.mirror.selected_picture.notes == ()
    assert note not in captions(test)


def test_a_bad_file_is_one_sentence_that_names_it_and_nothing_is_lost() -> None:
    test = page()
    test.slider(key="grad-cam.strength").set_value(0.3).run()
    upload(test, "notes.png", b"<html>not a picture</html>")
    (sentence,) = said(test)
    assert "notes.png" in sentence
    assert "PNG" in sentence
    assert lives(test)
    assert dict(test.session_state.mirror.request.params) == {"strength": 0.3}


def test_a_layer_without_a_map_is_refused_in_a_sentence_that_names_another() -> None:
    test = page(layer="classifier")
    (sentence,) = said(test)
    assert "'classifier' (32)" in sentence  # with the shape of its output
    assert "'features'" in sentence
    assert not test.exception
    assert not lives(test)


def test_the_numbers_of_a_vector_are_bars_with_the_names_of_classes_where_it_is_the_last() -> None:
    test = page(visualisation="activations", layer="classifier")
    assert lives(test)
    (chart,) = test.get("vega_lite_chart")
    named = bars(chart)
    assert named[0] == "checked heart"
    assert sorted(named) == sorted(store.model("shapes").classes)
    test = page(visualisation="activations", layer="pool")
    (chart,) = test.get("vega_lite_chart")
    assert set(bars(chart)) < {f"unit {number}" for number in range(144)}
    assert len(bars(chart)) == BARS
    assert [str(BARS), "144"] in [figures(caption) for caption in captions(test)]


def bars(chart: Any) -> list[str]:
    """The names in a bar chart, from the top."""
    (data,) = chart.proto.datasets
    return list(convert_arrow_bytes_to_pandas_df(data.data.data)["name"])


def test_a_photograph_from_the_camera_is_taken_like_a_file() -> None:
    test = page()
    assert not test.get("camera_input")  # the browser asks for leave only when the camera is opened
    test.session_state["camera"] = True
    test.run()
    assert test.get("camera_input")
    assert lives(test)


def test_what_a_hidden_widget_held_is_there_when_it_comes_back() -> None:
    test = page()
    test.slider(key="grad-cam.strength").set_value(0.3).run()
    test.selectbox(key="visualisation").select("activations").run()
    test.selectbox(key="visualisation").select("grad-cam").run()
    assert test.slider(key="grad-cam.strength").value == 0.3


def test_the_model_that_all_visitors_share_stays_as_it_was() -> None:
    module = store.model("shapes").module
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    for query in ({"guide": "on"}, {"visualisation": "activations"}, {"layer": "classifier"}):
        page(**query)
    assert all(torch.equal(before[name], tensor) for name, tensor in module.state_dict().items())
    assert not any(m._forward_hooks or m._backward_hooks for m in module.modules())


def test_the_picture_on_the_page_is_the_one_from_python() -> None:
    request = Request("shapes", examples()[0].id, "features.9.0", "grad-cam", (("strength", 0.5),))
    raw = engine.run(request, store.model("shapes"), examples()[0]).raw
    sheet = store.sheet(store.Selection.of(request, examples()[0]), raw, 0, 64)
    with Image.open(io.BytesIO(sheet.png)) as file:
        shown = np.asarray(file)
    model = store.model("shapes")
    (heat, _), (share, _) = (
        registry.get("grad-cam").kind(model.module)(
            model.preprocessing.prepare(examples()[0]), "features.9.0", show=show
        )
        for show in ("heat map", "map")
    )
    assert shown.shape == (128, 128, 3)
    model_input_rgb = torch.from_numpy(examples()[0].pixels.copy()).permute(2, 0, 1) / 255
    cover = 0.5**3 + (0.5 - 0.5**3) * share[0]  # the less evidence, the less of the picture
    mixed = torch.lerp(model_input_rgb, heat[0], cover).mul(255).round().permute(1, 2, 0).numpy()
    assert np.abs(shown - mixed).max() <= 1


def test_every_example_has_a_name_of_its_own() -> None:
    assert len({picture.id for picture in examples()}) == len(examples()) >= 6


def test_a_link_to_every_stage_shows_a_picture_of_each() -> None:
    test = page(model="resnet18-untrained", visualisation="layer-cam", layer="*")
    assert lives(test)
    assert test.query_params["layer"] == ["*"] or test.query_params["layer"] == "*"
    assert provenance(test).layer == layers.EVERY
    assert provenance(test).unchanged
    test.toggle(key="everywhere").set_value(False).run()
    assert provenance(test).layer == "layer4"
