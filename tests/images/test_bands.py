"""Inputs of 2, 4, 5, 8 and 13 channels: no band is taken for a colour, and each can be seen."""

import re
import secrets
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import streamlit as st
import torch
from streamlit.testing.v1 import AppTest
from torch import Tensor, nn

from mirror_app import engine, live
from mirror_app.engine.request import Request
from mirror_app.images import Picture, Preprocessing, from_tensor, with_colours
from mirror_app.images.bands import to_rgb
from mirror_app.live import LiveSession
from mirror_app.live.session import PreprocessingOverrides, live_session
from mirror_app.models import Model
from mirror_app.params import Radio, Value
from mirror_app.ui.store.background_runs import generated_picture
from mirror_app.visualisations import registry
from mirror_app.visualisations.core import GradCam, Gradient
from mirror_app.visualisations.registry import Entry
from tests import app
from tests.networks import ATTENTION, quick
from tests.refused import refused

BANDS = (2, 5, 8, 13)


class Net(nn.Module):
    """Two layers and a ReLU between, on so many bands; CAM and all other methods for CNNs are defined at `maps`."""

    def __init__(self, bands: int) -> None:
        super().__init__()
        torch.manual_seed(bands)
        self.first, self.relu, self.maps = nn.Conv2d(bands, 6, 3, padding=1), nn.ReLU(), nn.Conv2d(6, 6, 1)
        self.classifier = nn.Linear(6, 4)

    def forward(self, inputs: Tensor) -> Tensor:
        scores: Tensor = self.classifier(self.maps(self.relu(self.first(inputs))).mean((2, 3)))
        return scores


def bands(count: int) -> Tensor:
    """Bands in units of their own: the n-th spreads over n + 1, around n."""
    generator = torch.Generator().manual_seed(count)
    numbers = torch.arange(count)[:, None, None]
    return torch.randn(count, 32, 24, generator=generator) * (1 + numbers) + numbers


def opened(count: int) -> tuple[LiveSession, Model, Picture]:
    session = live_session(secrets.token_hex(3), [bands(count)], Net(count), None, PreprocessingOverrides())
    (model,) = session.models.values()
    return session, model, session.pictures[0]


def test_the_mean_is_of_bands_each_stretched_to_its_own_range_and_three_are_shown_where_they_are_chosen() -> None:
    inputs = torch.tensor([[0.0, 1.0], [-100.0, 300.0], [5.0, 5.0], [2.0, 1.0]]).reshape(1, 4, 1, 2)
    assert to_rgb(inputs).tolist() == [[[[0.25, 0.5]]] * 3]
    assert to_rgb(inputs, (3, 0, 2)).tolist() == [[[[1.0, 0.0]], [[0.0, 1.0]], [[0.0, 0.0]]]]
    picture = from_tensor(inputs[0], "x", Preprocessing(2, 2, (0.0,) * 4, (1.0,) * 4))
    assert picture.pixels.tolist() == [[[64] * 3, [128] * 3]]
    chosen = with_colours(picture, (3, 0, 2))
    assert chosen.pixels.tolist() == [[[255, 0, 0], [0, 255, 0]]]
    assert (chosen.id, chosen.shown_id != picture.shown_id) == (picture.id, True)
    assert with_colours(picture, (0, 1, 4)) is picture  # which has no band 4


@pytest.mark.parametrize("kind", [GradCam, Gradient])
def test_no_picture_depends_on_the_order_of_the_bands(kind: type[GradCam] | type[Gradient]) -> None:
    net, inputs, order = Net(5), bands(5)[None], [3, 0, 4, 1, 2]
    other = Net(5)
    other.load_state_dict(net.state_dict())
    other.first.weight.data = net.first.weight.detach()[:, order]
    for show in ("over the picture", "map" if kind is GradCam else "colour"):
        one = kind(net)(inputs, "maps", target_class=1, show=show)[0]
        same = kind(other)(inputs[:, order], "maps", target_class=1, show=show)[0]
        torch.testing.assert_close(one, same, atol=1e-4, rtol=1e-4)
    assert np.abs(_pixels(inputs[0]).astype(int) - _pixels(inputs[0, order])).max() <= 1


def _pixels(inputs: Tensor) -> np.ndarray:
    count = len(inputs)
    return from_tensor(inputs, "x", Preprocessing(32, 32, (0.0,) * count, (1.0,) * count)).pixels


def test_without_any_cover_the_bands_mean_lies_under_the_heat() -> None:
    inputs = bands(8)[None]
    images, _ = GradCam(Net(8))(inputs, "maps", target_class=0, strength=0.0)
    torch.testing.assert_close(images, to_rgb(inputs))


@pytest.mark.parametrize("count", [1, *BANDS])
@pytest.mark.parametrize("entry", registry.entries(), ids=lambda entry: entry.key)
def test_every_visualisation_gives_a_picture_of_bands_or_says_why_not(entry: Entry, count: int) -> None:
    _, model, picture = opened(count)
    model_input_rgb = model.preprocessing.model_input_rgb(picture)
    for values in _looks(entry):
        request = Request(model.name, picture.id, "maps", entry.key, entry.canonical(values))
        if entry.key in ATTENTION:  # which no convolution has
            with refused(accepted="attention with a softmax", hint="Grad-CAM"):
                engine.run(request, model, picture)
            continue
        result = engine.run(request, model, picture)
        images = engine.render_images(request, result.raw, model_input_rgb)
        assert images.isfinite().all()
        assert images.shape[1] == 3
        assert engine.sheet(request, result.raw, model_input_rgb).png


def _looks(entry: Entry) -> Iterator[dict[str, Value]]:
    show = entry.params.get("show")
    for option in show.options if isinstance(show, Radio) else [""]:
        values = {**quick(entry), **({"show": option} if option else {})}
        yield values
        if "guide" in entry.method_params:
            yield {**values, "guide": True}


def test_a_dream_begins_with_the_bands_as_they_are() -> None:
    _, model, picture = opened(5)
    params = (("jitter", 0), ("lr", 0.0), ("octaves", 1), ("steps", 1))
    request = Request(model.name, picture.id, "maps", "deep-dream", params)
    found = generated_picture(engine.run(request, model, picture), model, picture)
    assert found.exact is not None
    torch.testing.assert_close(found.exact, bands(5), atol=1e-4, rtol=1e-4)


@pytest.fixture
def page() -> Iterator[Callable[..., AppTest]]:
    """`page(count, **query)`: the page on a Python session that shows an input of so many bands."""
    sessions: list[LiveSession] = []

    def shown(count: int, to: str = "", **query: str) -> AppTest:
        session, model, _ = opened(count)
        sessions.append(session)
        live.add(session)
        return app.page(to, model=model.name, layer="maps", **query)

    yield shown
    for session in sessions:
        live.remove(session)
    st.cache_data.clear()


def of_bands(test: AppTest) -> list[str]:
    """The figures below the input: its sides and the number of its bands."""
    (caption,) = [caption for caption in app.captions(test) if "24 × 32" in caption]
    return app.figures(caption.partition(" · ")[2])


def background(test: AppTest) -> list[tuple[str, str]]:
    """Each band over which heat maps are drawn, with its colour; none if they are drawn over the mean of all."""
    (caption,) = [caption for caption in app.captions(test) if "Heat maps are drawn over" in caption]
    assert ("mean" in caption) is ("band " not in caption)
    return re.findall(r"band (\d+) as (\w+)", caption)


@pytest.mark.page
@pytest.mark.parametrize("count", BANDS)
def test_the_page_shows_bands_and_three_of_them_as_the_colours_that_one_picks(
    page: Callable[..., AppTest], count: int
) -> None:
    test = page(count)
    assert app.lives(test)
    assert app.said(test) == []
    assert of_bands(test) == ["24", "32", str(count)]
    assert background(test) == []
    assert not test.file_uploader
    before = test.session_state.mirror.pictures[test.session_state.mirror.picture].pixels

    test.segmented_control(key="band-view").set_value("In colour").run()
    test.selectbox(key="band.red").set_value(count - 1).run()
    test.selectbox(key="band.green").set_value(0).run()
    assert background(test) == []  # until all three are chosen
    test.selectbox(key="band.blue").set_value(1).run()
    assert app.lives(test)
    assert background(test) == [(str(count - 1), "red"), ("0", "green"), ("1", "blue")]
    (picture,) = test.session_state.mirror.pictures.values()
    expected = to_rgb(bands(count)[None], (count - 1, 0, 1))[0].mul(255).round().byte().permute(1, 2, 0).numpy()
    assert np.array_equal(picture.pixels, expected)
    assert not np.array_equal(picture.pixels, before)

    test.segmented_control(key="band-view").set_value("Mean").run()
    (picture,) = test.session_state.mirror.pictures.values()
    assert np.array_equal(picture.pixels, before)


@pytest.mark.page
@pytest.mark.parametrize("to", ["compare", "gallery", "dream", "trust", "architecture"])
def test_every_page_takes_bands(page: Callable[..., AppTest], to: str) -> None:
    test = page(5, to)
    assert not test.exception
    assert [sentence for sentence in app.said(test) if "mistake" in sentence] == []
