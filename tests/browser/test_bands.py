"""Bands on the page of a Python session, in Chromium."""

import pytest
from playwright.sync_api import Browser, expect

from mirror_app.live.launch import start
from mirror_app.visualisations.core import GradCam
from tests.browser.page import faults, settled
from tests.images.test_bands import Net, bands


@pytest.mark.parametrize("width", [1280, 390])
def test_a_band_is_shown_large_and_three_tell_their_numbers(free: int, browser: Browser, width: int) -> None:
    values = bands(13)
    handle = start(values, Net(13), [GradCam], free)
    page = browser.new_page(viewport={"width": width, "height": 900})
    try:
        page.goto(handle.url)
        settled(page)
        page.get_by_role("group", name="Bands").get_by_role("button", name="band 4").click()
        dialog = page.get_by_role("dialog")
        expect(dialog).to_contain_text("Band 4 of input 1: 32 × 24")
        expect(dialog).to_contain_text(f"Black is {float(values[4].min()):.3g}, white {float(values[4].max()):.3g}.")
        page.wait_for_timeout(300)
        assert faults(page) == []
        page.keyboard.press("Escape")
        expect(dialog).to_be_hidden()

        heat = page.get_by_role("img", name="The visualisation")
        before = heat.get_attribute("src")
        page.get_by_text("In colour", exact=True).click()
        for colour, number in (("Red", 12), ("Green", 3), ("Blue", 7)):
            page.get_by_role("combobox", name=f"{colour} band").click()
            page.get_by_role("option", name=str(number), exact=True).click()
        image = page.get_by_role("img", name="The input")
        expect(image).to_be_visible()
        expect(heat).not_to_have_attribute("src", str(before))  # what lies under it is another picture
        page.wait_for_timeout(300)
        assert faults(page) == []
        image.focus()
        page.keyboard.press("ArrowRight")
        readings = page.get_by_text("row 16, column 13: ").inner_text().partition(": ")[2].split(", ")
        assert [part.rpartition(" ")[0] for part in readings] == ["band 12", "band 3", "band 7"]
        figures = [float(part.rpartition(" ")[2]) for part in readings]
        assert figures == pytest.approx(values[[12, 3, 7], 16, 13].tolist(), rel=5e-3)
    finally:
        page.close()
        handle.stop()
