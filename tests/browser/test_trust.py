"""The Trust page in Chromium."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.page import READY, faults_by_theme

FIVE_DIFFERENT_PICTURES = """() => {
    const shown = [...document.querySelectorAll('.st-key-trust-shuffled img')].map((image) => image.src);
    return shown.length === 5 && new Set(shown).size === 5;
}"""


@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_in_a_browser(dashboard: Callable[..., Page], width: int) -> None:
    page = dashboard("trust?visualisation=layer-cam", width, at_rest=False)
    expect(page.get_by_text("it is not measured")).to_be_attached(timeout=90_000)
    page.wait_for_selector(READY)
    assert faults_by_theme(page, "trust") == {}
    expect(page.get_by_test_id("stVegaLiteChart")).to_have_count(3)
    expect(page.get_by_text("Swipe the row")).to_be_visible(visible=width < 600)
    page.locator("[data-testid=stMain]").evaluate("main => main.scrollTo(0, main.scrollHeight)")
    assert faults_by_theme(page, "trust-below") == {}


def test_what_should_add_up_is_measured(dashboard: Callable[..., Page]) -> None:
    page = dashboard("trust?visualisation=lrp", at_rest=False)
    expect(page.get_by_text(re.compile(r"The map's values add up to \d+\.\d% of the class score"))).to_be_attached(
        timeout=90_000
    )


def test_a_method_that_ignores_the_model_is_warned_of_and_pictures_of_shuffled_models_stand_side_by_side(
    dashboard: Callable[..., Page],
) -> None:
    page = dashboard("trust?visualisation=back-prop&guide=on", at_rest=False)
    expect(page.get_by_text("not an explanation")).to_be_visible(timeout=90_000)
    expect(page.get_by_text("it is not measured")).to_be_attached(timeout=90_000)
    page.wait_for_selector(READY)
    expect(page.get_by_text("Verdict: not an explanation")).to_be_visible()
    expect(page.get_by_text("this proves little")).to_have_count(3)
    page.wait_for_function(FIVE_DIFFERENT_PICTURES, timeout=90_000)
    page.locator(".stSwitch, .stCheckbox").get_by_text("Guided").click()
    expect(page.get_by_text("not an explanation")).to_be_hidden()
