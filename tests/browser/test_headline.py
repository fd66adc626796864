"""The answer comes first, also in a small window, and a difference is asked for in one's own words."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.page import choose, faults_by_theme, settled, shown


@pytest.mark.parametrize(("width", "height"), [(1366, 768), (1440, 900), (1920, 700)])
def test_the_answer_and_the_whole_picture_are_in_sight(dashboard: Callable[..., Page], width: int, height: int) -> None:
    page = dashboard(width=width, height=height)
    expect(page.get_by_role("heading", name="checked heart")).to_be_in_viewport(ratio=1)
    for bar in page.get_by_role("progressbar").all():
        expect(bar).to_be_in_viewport(ratio=1)
    expect(page.get_by_role("img", name="The visualisation")).to_be_in_viewport(ratio=0.99)


def test_why_not_another_class_by_a_click_and_in_words(dashboard: Callable[..., Page]) -> None:
    page = dashboard()
    page.get_by_role("button", name="Why not this one?").first.click()
    shown(page, "checked heart minus")
    assert "target_class=" in page.url
    box = page.get_by_role("combobox", name="Target")
    box.click()
    box.fill("dotted heart - checked heart")
    page.keyboard.press("Enter")
    shown(page, "dotted heart minus checked heart")
    choose(page, "Visualisation", "Finer-CAM")
    expect(page.get_by_text("must be one of several classes")).to_be_visible()
    choose(page, "Target", "dotted heart")
    shown(page, "dotted heart")
    settled(page)
    assert faults_by_theme(page, "headline") == {}
