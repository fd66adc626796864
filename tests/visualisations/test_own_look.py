"""A look of one's own, in a class of one's own: the page treats it as the looks that come with Mirror."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Any

import numpy as np
import pytest
import torch
from torch import Tensor

from mirror_app import engine, render
from mirror_app.bundled.examples import examples
from mirror_app.engine.request import Request
from mirror_app.evaluation import verdict
from mirror_app.models import catalogue
from mirror_app.params import Slider
from mirror_app.render import Legend, Look, look
from mirror_app.ui.compare.controls import SCALE_MAXIMUM
from mirror_app.visualisations import registry
from mirror_app.visualisations.core import Attribution, GradCam, LayerCam, Visualisation
from mirror_app.visualisations.registry import Entry
from mirror_app.visualisations.web import WebInterface, entries_of
from tests.app import captions, container, page
from tests.networks import Linear

MODEL_INPUT = np.zeros((128, 128, 3), np.uint8)
RAW = torch.rand(1, 8, 8, generator=torch.Generator().manual_seed(0)).numpy()


def peak(raw: Tensor, picture: Tensor, **params: Any) -> float:
    return float(raw.max())


def bar(raw_shape: Sequence[int], vmax: float, *, light: float) -> Legend:
    return Legend(("#000000", f"#00{round(255 * light):02x}00"), 0.0, vmax)


@look(vmax=peak, legend=bar, hint=lambda **params: "Black is zero.", is_evidence=True)
def green(
    raw: Tensor,
    picture: Tensor,
    *,
    light: Annotated[float, Slider("How bright.")] = 1.0,
    vmax: float | None = None,
) -> Tensor:
    """Return an attribution in green."""
    share = (raw / (vmax or raw.max())).clamp(0, 1) * light
    return torch.stack([torch.zeros_like(share), share, torch.zeros_like(share)], 1)


class Greenery(LayerCam):
    """Layer-CAM, in green."""

    look = green


class Own(Visualisation):
    """What a layer responds to."""

    def attribute(self, inputs: Tensor, layer: str) -> Iterator[Attribution]:
        yield Attribution(self.view.capture(inputs, layer).mean(1))


@pytest.fixture
def entry() -> Iterator[Entry]:
    registry.visualisation("Greenery")(Greenery)
    yield registry.get("greenery")
    registry._entries.pop("greenery")


def request(**params: float) -> Request:
    return Request("shapes", examples()[0].id, "features", "greenery", tuple(params.items()))


@pytest.mark.usefixtures("entry")
def test_its_scale_its_colour_bar_and_its_hint_are_on_the_page() -> None:
    assert engine.vmax(request(), RAW, MODEL_INPUT) == RAW.max()
    assert engine.legend(request(light=0.2), RAW, 0.9) == Legend(("#000000", "#003300"), 0.0, 0.9)
    assert engine.hint(request()) == "Black is zero."


def test_its_pictures_share_a_scale(entry: Entry) -> None:
    assert entry.scaled
    alone, half = (engine.render_images(request(), RAW, MODEL_INPUT, vmax) for vmax in (None, 2 * float(RAW.max())))
    assert float(alone[:, 1].max()) == 1
    assert torch.equal(half, alone / 2)
    model, pictures = catalogue.load("shapes"), examples()[:4]
    vmax = max(engine.run(request(), model, picture).raw.max() for picture in pictures)
    rows = {"compare.rows": "visualisation", "compare.visualisation": "greenery", "compare.scale": "one"}
    test = page("compare", **rows)
    assert not test.exception
    assert f"{SCALE_MAXIMUM}: **{vmax:.3g}**" in captions(test)


@pytest.mark.minutes
def test_it_is_evidence_that_trust_tests(entry: Entry) -> None:
    assert verdict.is_attribution(entry)
    model, picture = catalogue.load("shapes"), examples()[0]
    result = engine.run(request(), model, picture)
    assert verdict.explained_class(request(), result, engine.predict(model, picture)) in range(32)
    test = page("trust", visualisation="greenery")
    assert not test.exception
    assert container(test, "trust-shuffled") is not None  # it is tested, not refused


@pytest.mark.parametrize("spelled", [green, staticmethod(green), green.render, staticmethod(green.render)])
def test_a_class_names_its_look_in_any_way(spelled: Any) -> None:
    kind: type[Visualisation] = type("Named", (Own,), {"look": spelled})
    heir: type[Visualisation] = type("Heir", (kind,), {})
    assert isinstance(kind.look, Look)
    assert kind.look.render is green.render
    assert heir.look is kind.look
    images, _ = heir(Linear())(torch.rand(1, 3, 6, 8), "maps", light=0.5)
    assert float(images.max()) == pytest.approx(0.5)


def test_a_look_may_come_from_a_class_that_is_no_visualisation() -> None:
    class Coloured:
        look = staticmethod(green.render)

    class Mixed(Coloured, Own):  # type: ignore[misc]
        """What a layer responds to, in green."""

    assert isinstance(Mixed.look, Look)
    assert entries_of([Mixed])[0].look is Mixed.look


def test_a_class_brought_from_python_keeps_its_look() -> None:
    entry = WebInterface(Greenery, name="Brought").entry
    assert entry.look is green
    assert verdict.is_attribution(entry)
    assert list(entry.render_params) == ["light"]
    assert WebInterface(GradCam).entry.look is render.heat
