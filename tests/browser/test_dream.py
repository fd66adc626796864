"""The dream page in a real Chromium: it runs, it stops, it is kept, it goes on."""

import io
import re
import time
from collections.abc import Callable

import av
import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from tests.browser.page import (
    CHANGED,
    INVITATION,
    READY,
    STOPPED,
    choose,
    faults,
    faults_by_theme,
    picture_caption,
    settled,
)

LONG = "dream?visualisation=deep-dream&octaves=8&steps=100&layer=features.4"


def go(page: Page, name: str) -> None:
    """Go to a page by the navigation, which narrow windows keep in the sidebar."""
    link = page.get_by_role("link", name=name)
    narrow = (page.viewport_size or {"width": 0})["width"] < 768
    if narrow:
        page.get_by_test_id("stExpandSidebarButton").click()
    link.first.click()
    if narrow:
        expect(page.get_by_test_id("stSidebarCollapseButton")).not_to_be_in_viewport()  # it goes by itself


def stop_button(page: Page) -> Locator:
    return page.get_by_test_id("stMain").get_by_role("button", name="Stop")  # Streamlit has one of its own above


@pytest.mark.parametrize("width", [1280, 390])
def test_a_dream_is_stopped_and_fits_the_screen(dashboard: Callable[..., Page], width: int) -> None:
    page = dashboard(LONG, width, at_rest=False)  # the link itself begins it
    expect(page.get_by_text(" s left")).to_be_visible(timeout=90_000)
    assert faults_by_theme(page, "dream-runs") == {}
    began = time.monotonic()
    stop_button(page).click()
    expect(page.get_by_text(STOPPED)).to_be_visible()
    assert time.monotonic() - began < 5  # a second on an idle machine, which `make bench` measures
    page.wait_for_selector(READY)
    assert faults_by_theme(page, "dream-stopped") == {}
    expect(page.get_by_role("button", name="Continue from here")).to_be_in_viewport(ratio=1)


def test_a_dream_is_kept_and_taken_further(dashboard: Callable[..., Page]) -> None:
    page = dashboard(LONG, at_rest=False)
    expect(page.get_by_text(" s left")).to_be_visible(timeout=90_000)
    stop_button(page).click()
    expect(page.get_by_text(STOPPED)).to_be_visible()
    page.get_by_role("button", name="Share").click()
    expect(page.get_by_test_id("stPopoverBody").locator("code")).to_contain_text("octaves=8&steps=100")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Save film").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="(GIF)").click()
    assert download.value.suggested_filename == "deep-dream-features.4.gif"
    with Image.open(download.value.path()) as film:
        assert film.format == "GIF"
        assert getattr(film, "n_frames", 1) > 3
    with page.expect_download() as download:
        page.get_by_role("button", name="(MP4)").click()
    assert download.value.suggested_filename == "deep-dream-features.4.mp4"
    with av.open(download.value.path()) as film:
        pictures = [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]
    assert len(pictures) > 3
    assert {picture.shape for picture in pictures} == {(128, 128, 3)}
    page.keyboard.press("Escape")

    go(page, "Explore")
    settled(page)
    go(page, "Dream")
    expect(page.get_by_text(STOPPED)).to_be_visible()
    expect(page.get_by_text(CHANGED)).to_have_count(0)
    inputs = page.get_by_role("group", name="Inputs").get_by_role("button")
    inputs.nth(2).click()
    expect(page.get_by_text(CHANGED)).to_be_visible()
    inputs.first.click()
    expect(page.get_by_text(CHANGED)).to_have_count(0)
    page.get_by_role("slider", name="Jitter").press("ArrowRight")
    expect(page.get_by_text(CHANGED)).to_be_visible()
    expect(page.get_by_text(STOPPED)).to_be_visible()  # what was made stays

    page.get_by_role("button", name="Continue from here").click()
    expect(page.get_by_text("checked heart, dreamed ·")).to_be_visible()
    expect(stop_button(page)).to_be_visible()
    stop_button(page).click()
    expect(page.get_by_text(STOPPED)).to_be_visible()


def test_nothing_begins_at_a_touch_and_a_running_dream_outlives_another_page(dashboard: Callable[..., Page]) -> None:
    page = dashboard()
    go(page, "Dream")
    expect(page.get_by_text(INVITATION)).to_be_visible()
    steps = page.get_by_role("slider", name="Steps")
    steps.focus()
    for _ in range(5):
        steps.press("ArrowRight")
    page.wait_for_selector(READY)
    expect(page.get_by_text(INVITATION)).to_be_visible()
    page.get_by_role("button", name="Dream", exact=True).click()
    expect(picture_caption(page)).to_be_visible(timeout=60_000)
    go(page, "Explore")
    settled(page)
    go(page, "Dream")
    expect(picture_caption(page)).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("button", name="Save picture").click()
    assert Image.open(io.BytesIO(download.value.path().read_bytes())).size == (128, 128)


def test_a_class_picture_says_what_it_will_be_and_is_kept_under_its_name(dashboard: Callable[..., Page]) -> None:
    page = dashboard()
    go(page, "Dream")
    expect(page.get_by_role("img", name="An example of Deep Dream")).to_be_visible()
    choose(page, "Visualisation", "Class picture")
    expect(page.get_by_text("generate an image of the class predicted for the input")).to_be_visible()
    expect(page.get_by_role("img", name="An example of Class picture")).to_be_visible()
    expect(page.get_by_role("combobox", name="Target")).to_be_in_viewport(ratio=1)
    target = page.get_by_role("combobox", name="Target")
    target.click()
    target.fill("features.8:3")
    target.press("Enter")
    expect(page.get_by_text("generate an image of channel 3 of features.8.")).to_be_visible()
    choose(page, "Target", "striped ring")
    expect(page.get_by_text("generate an image of striped ring")).to_be_visible()
    assert faults(page) == []
    page.get_by_role("button", name="Dream", exact=True).click()
    expect(picture_caption(page)).to_contain_text(re.compile(r"striped ring \(\d+\.\d%"), timeout=60_000)
    with page.expect_download() as download:
        page.get_by_role("button", name="Save picture").click()
    assert download.value.suggested_filename == "class-picture-striped-ring.png"
    page.get_by_role("button", name="Use as input").click()
    expect(page.get_by_text("checked heart, dreamed ·")).to_be_visible()
    expect(page.get_by_text(CHANGED)).to_be_visible()
    expect(page.get_by_test_id("stMain").get_by_role("button", name="Stop")).to_have_count(0)
