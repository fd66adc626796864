"""How far a picture can be trusted: the base lines, the shuffling, the curves of a request, and the page."""

import math
from collections.abc import Callable

import pytest
import streamlit as st
import torch
from playwright.sync_api import Page, expect
from streamlit.testing.v1 import AppTest
from torch import nn

from mirror_app import engine, evaluation, registry, trust
from mirror_app.errors import MirrorError
from mirror_app.models import catalogue
from mirror_app.models.examples import examples
from mirror_app.probe import fingerprint
from mirror_app.request import Request
from tests.browser import MISPLACED, READY, ROOT, SCREENSHOTS
from tests.networks import ANYWHERE, quick, state

PICTURE = examples()[0]


def asked(key: str, layer: str = "features", **params: object) -> tuple[Request, engine.Result]:
    entry = registry.get(key)
    request = Request("shapes", PICTURE.id, layer, key, entry.canonical({**quick(entry), **params}))  # type: ignore[dict-item]
    return request, engine.run(request, catalogue.load("shapes"), PICTURE)


def test_sobel_is_the_slope_of_a_ramp_and_nothing_on_a_plain() -> None:
    ramp = torch.arange(6.0).expand(1, 3, 5, 6)
    assert torch.equal(evaluation.sobel(ramp)[:, 1:-1], torch.full((5, 4), 8.0))
    assert torch.equal(evaluation.sobel(ramp.mT).T[:, 1:-1], torch.full((5, 4), 8.0))
    assert not evaluation.sobel(torch.ones(1, 1, 4, 4)).any()


def test_random_numbers_are_the_same_for_the_same_seed() -> None:
    one, other, third = (evaluation.noise(torch.zeros(1, 3, 8, 9), seed) for seed in (1, 1, 2))
    assert one.shape == (8, 9)
    assert torch.equal(one, other)
    assert not torch.equal(one, third)


def test_only_the_weights_that_are_named_are_shuffled_and_the_model_is_not_touched() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 5, 3), nn.Flatten(), nn.Linear(5, 2))
    before = state(model)
    assert evaluation.weighted(model, ["0", "1", "2", "4"]) == ["0", "2", "4"]
    shuffled = evaluation.with_weights_shuffled(model, ["2", "4"])
    assert state(model) == before
    for name, weights in shuffled.named_parameters():
        own = model.get_parameter(name)
        assert torch.equal(weights.flatten().sort()[0], own.flatten().sort()[0])
        assert name.endswith("bias") or torch.equal(weights, own) == name.startswith("0")
    with pytest.raises(MirrorError, match="no linear layer"):
        evaluation.weighted(nn.Sequential(nn.ReLU()), ["0"])


def test_the_curves_of_a_request_are_those_of_its_evidence() -> None:
    request, result = asked("grad-cam")
    model = catalogue.load("shapes")
    before = fingerprint(model.module)
    found = trust.curves(request, model, PICTURE, result)
    assert list(found) == ["Grad-CAM", "random", "edges"]
    assert fingerprint(model.module) == before
    inputs, target = model.inputs(PICTURE), result.info["target_class"][0]
    evidence = trust.evidence(torch.from_numpy(result.raw), (128, 128))
    with torch.no_grad():
        own = evaluation.deletion(model.module, inputs, evidence, target, trust.STEPS)
    assert torch.allclose(torch.from_numpy(found["Grad-CAM"].deletion), own, atol=1e-5)
    assert found["Grad-CAM"].deletion[0] == pytest.approx(found["random"].deletion[0], abs=1e-6)
    assert found["Grad-CAM"].insertion[-1] == pytest.approx(found["edges"].deletion[0], abs=1e-5)
    deleted, inserted = found["Grad-CAM"].areas
    assert deleted < found["random"].areas[0] - 0.3
    assert inserted > found["random"].areas[1] + 0.1


def test_a_method_that_reads_weights_changes_when_they_are_shuffled_and_one_that_does_not_stays() -> None:
    model = catalogue.load("shapes")
    before = state(model.module)
    found = {}
    for key in ("grad-cam", "eigen-cam"):
        request, result = asked(key)
        found[key] = [trust.shuffled(request, model, PICTURE, result, share) for share in (0.0, 1.0)]
    assert [part.layer for part in found["grad-cam"]] == ["classifier", "features.0.0"]
    assert found["grad-cam"][0].correlation < 0.3
    assert found["eigen-cam"][0].correlation == pytest.approx(1)  # it never asks the last layer
    assert all(math.isfinite(part.correlation) and part.png for parts in found.values() for part in parts)
    assert state(model.module) == before


@pytest.mark.parametrize("entry", ANYWHERE, ids=lambda entry: entry.key)
def test_every_visualisation_is_tested_or_says_why_not(entry: registry.Entry) -> None:
    request, result = asked(entry.key, layer="features.4")
    if trust.is_attribution(entry):
        assert trust.target_of(request, catalogue.load("shapes"), PICTURE, result) in range(32)
    else:
        with pytest.raises(MirrorError, match="choose Grad-CAM"):
            trust.target_of(request, catalogue.load("shapes"), PICTURE, result)


def test_what_is_no_class_and_what_is_many_layers_is_refused() -> None:
    model = catalogue.load("shapes")
    request, result = asked("back-prop", target_class="features.4:3")
    with pytest.raises(MirrorError, match="choose a class"):
        trust.curves(request, model, PICTURE, result)
    request, result = asked("grad-cam", layer="*")
    with pytest.raises(MirrorError, match="One layer"):
        trust.curves(request, model, PICTURE, result)


@pytest.mark.parametrize(
    ("key", "params", "ignores"),
    [("deconvnet", {}, True), ("back-prop", {"guide": True}, True), ("back-prop", {}, False), ("lrp", {}, False)],
)
def test_who_ignores_the_model_is_declared(key: str, params: dict[str, object], ignores: bool) -> None:
    assert registry.get(key).kind.ignores_model(params) is ignores


def page(**query: str) -> AppTest:
    st.cache_data.clear()
    test = AppTest.from_file(str(ROOT / "mirror_app" / "main.py"), default_timeout=90)
    for name, value in query.items():
        test.query_params[name] = value
    return test.run().switch_page("../pages/trust.py").run()


def test_the_page_asks_three_questions_and_answers_them() -> None:
    test = page(visualisation="integrated-gradients", steps="4")
    assert not test.exception
    told = "\n".join(item.value for item in [*test.markdown, *test.caption])
    assert told.count("Area below") == 2
    assert told.count("shuffled from") == len(trust.SHARES)
    assert "They miss it by" in told
    assert not test.warning


def test_the_page_warns_of_what_ignores_the_model_and_refuses_what_is_no_evidence() -> None:
    assert any("edges more than" in warning.value for warning in page(visualisation="deconvnet").warning)
    refused = page(visualisation="activations")
    assert any("choose Grad" in warning.value for warning in refused.warning)
    assert not refused.exception


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_in_a_browser(dashboard: Callable[..., Page], width: int, scheme: str) -> None:
    page = dashboard("trust?visualisation=layer-cam", width, 900, scheme, at_rest=False)
    expect(page.get_by_text("once all is shuffled")).to_be_visible(timeout=90_000)
    page.wait_for_selector(READY)
    page.wait_for_timeout(700)
    page.screenshot(path=SCREENSHOTS / f"trust-{width}-{scheme}.png")
    assert page.evaluate(MISPLACED) == []
    expect(page.get_by_test_id("stVegaLiteChart")).to_have_count(2)
    page.locator("[data-testid=stMain]").evaluate("main => main.scrollTo(0, main.scrollHeight)")
    page.wait_for_timeout(300)
    page.screenshot(path=SCREENSHOTS / f"trust-{width}-{scheme}-below.png")
    assert page.evaluate(MISPLACED) == []
