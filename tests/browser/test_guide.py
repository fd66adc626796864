"""The guide in Chromium."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from mirror_app.visualisations.registry import Question
from tests.browser.page import READY, faults, faults_by_theme, settled
from tests.ui.test_guide import answering


def opened(dashboard: Callable[..., Page], width: int = 1280) -> Page:
    page = dashboard("guide", width, at_rest=False)
    expect(page.get_by_role("heading", name="Add your own")).to_be_attached(timeout=90_000)
    page.wait_for_selector(READY)
    return page


@pytest.mark.parametrize("width", [1280, 390])
def test_the_guide_fits_the_screen(dashboard: Callable[..., Page], width: int) -> None:
    page = opened(dashboard, width)
    page.wait_for_function("[...document.images].every((image) => image.complete)")  # what is gone cannot be loaded
    assert faults_by_theme(page, "guide") == {}


def test_the_guide_is_searched_and_opens_what_it_tells_of(dashboard: Callable[..., Page]) -> None:
    page = opened(dashboard)
    page.get_by_text(Question.PIXELS.text).click()
    expect(page.get_by_text(f"{len(answering(Question.PIXELS))} of 27 visualisations")).to_be_visible()
    assert faults(page) == []
    page.get_by_text(Question.PIXELS.text).click()
    expect(page.get_by_text("27 of 27 visualisations")).to_be_visible()
    page.get_by_label("Find", exact=True).fill("occlusion")
    page.keyboard.press("Enter")
    expect(page.get_by_text("1 of 27 visualisations").or_(page.get_by_text("2 of 27 visualisations"))).to_be_visible()
    page.get_by_role("button", name="Parameters and paper").first.click()
    expect(page.get_by_text("Zeiler and Fergus").first).to_be_visible()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Try Occlusion").click()
    settled(page)
    assert "visualisation=occlusion" in page.url
