"""The guide tells of every visualisation what is declared with it, and opens it."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect
from streamlit.testing.v1 import AppTest

from mirror_app import registry
from mirror_app.ui import words
from mirror_app.ui.guide import PICTURES
from mirror_app.ui.words import WORDS
from tests.app import page
from tests.browser import READY, SCREENSHOTS, faults, settled


@pytest.fixture(scope="module")
def guide() -> AppTest:
    return page("guide")


@pytest.mark.parametrize("entry", registry.entries(), ids=lambda entry: entry.key)
def test_all_that_is_declared_is_told(entry: registry.Entry, guide: AppTest) -> None:
    assert entry.use
    assert entry.avoid
    assert entry.paper or entry.key in ("activations", "kernels")
    assert (PICTURES / f"{entry.key}.png").exists()
    told = "\n".join(item.value for item in guide.markdown).replace("\\", "")
    for text in (entry.summary, entry.use, entry.avoid, entry.paper, entry.kind.__name__):
        assert text in told
    for name, parameter in entry.params.items():
        assert f"`{name}=" in told
        assert parameter.help.replace("\\", "") in told
    assert any(button.key == f"try {entry.key}" for button in guide.button)


def test_words_are_explained_where_they_stand(guide: AppTest) -> None:
    told = [item.value for item in guide.markdown]
    assert all(f"**{word.capitalize()}:** {meaning}" in told for word, meaning in WORDS.items())
    explained = words.explained("How much the class's logit grows, ahead of each map")
    assert explained is not None
    assert [part.split(":")[0] for part in explained.split("\n\n")] == ["**Logit", "**Map"]
    assert words.explained("A heading") is None
    summary = page().caption[0]
    assert "logit" in summary.value
    assert "softmax" in summary.help


def test_a_word_finds_those_in_which_it_stands_and_one_of_them_is_tried() -> None:
    test = page("guide")
    next(field for field in test.text_input if field.label == "Find").set_value("transformer").run()
    tried = [button.key for button in test.button if str(button.key).startswith("try ")]
    assert {"try attention", "try attention-rollout"} <= set(tried)
    assert len(tried) < len(registry.entries()) / 2
    next(field for field in test.text_input if field.label == "Find").set_value("layer-cam").run()
    next(button for button in test.button if button.key == "try layer-cam").click().run()
    assert not test.exception
    assert test.session_state.mirror.request.visualisation == "layer-cam"
    assert any("raw values" in caption.value for caption in test.caption)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_the_guide_is_read_and_opens_what_it_tells_of(dashboard: Callable[..., Page], width: int, scheme: str) -> None:
    page = dashboard("guide", width, 900, scheme, at_rest=False)
    expect(page.get_by_role("heading", name="Add your own")).to_be_attached(timeout=90_000)
    page.wait_for_selector(READY)
    page.wait_for_function("[...document.images].every((image) => image.complete)")  # what is gone cannot be loaded
    page.wait_for_timeout(500)
    page.screenshot(path=SCREENSHOTS / f"guide-{width}-{scheme}.png")
    assert faults(page) == []
    page.get_by_label("Find", exact=True).fill("occlusion")
    page.keyboard.press("Enter")
    expect(page.get_by_text("1 of 24 visualisations").or_(page.get_by_text("2 of 24 visualisations"))).to_be_visible()
    page.get_by_role("button", name="Parameters and paper").first.click()
    expect(page.get_by_text("Zeiler and Fergus").first).to_be_visible()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Try Occlusion").click()
    settled(page)
    assert "visualisation=occlusion" in page.url
