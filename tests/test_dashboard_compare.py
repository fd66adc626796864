"""The matrix of pictures as a person meets it, in a real Chromium."""

import io
import json
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from tests.test_dashboard import MISPLACED, READY, SCREENSHOTS, shown, url, visit  # noqa: F401 - fixtures

SMALL = "compare.visualisation=grad-cam,attention,activations&compare.input=checked-heart,striped-ring"


def matrix(page: Page, width: int = 1280) -> None:
    """Go to the matrix, and wait until it is full."""
    if width < 768:
        page.get_by_test_id("stExpandSidebarButton").click()
    page.get_by_role("link", name="Compare").click()
    expect(page.get_by_role("heading", name="Compare")).to_be_visible(timeout=30_000)
    if width < 768:
        page.get_by_test_id("stSidebarCollapseButton").click()
    full(page)


def full(page: Page) -> None:
    expect(page.get_by_role("button", name="Download")).to_be_visible(timeout=60_000)
    page.wait_for_timeout(300)
    expect(page.locator(READY)).to_be_visible(timeout=30_000)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("width", "height"), [(1280, 900), (390, 844)])
def test_nothing_overflows_overlaps_or_fails(
    visit: Callable[..., Page],  # noqa: F811
    width: int,
    height: int,
    scheme: str,
) -> None:
    page = visit("?compare.scale=one", width, height, scheme)
    matrix(page, width)
    page.mouse.move(width - 5, 200)
    page.wait_for_timeout(400)
    SCREENSHOTS.mkdir(exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"compare-{width}-{scheme}.png")
    assert page.evaluate(MISPLACED) == []
    cells = page.locator(".st-key-matrix").get_by_role("button", name=re.compile("^Open .* in Explore$"))
    expect(cells).to_have_count(16)
    for cell in page.locator("[class*=st-key-cell-]").all():
        box = cell.bounding_box()
        assert box
        assert abs(box["width"] - box["height"]) < 1
        assert box["width"] >= 110
    last = cells.last
    last.scroll_into_view_if_needed()
    last.hover()
    page.wait_for_timeout(400)
    page.screenshot(path=SCREENSHOTS / f"compare-{width}-{scheme}-below.png")
    name, button = page.locator(".st-key-row-3 > :first-child").bounding_box(), last.bounding_box()
    assert name
    assert button
    assert 0 <= name["x"] < name["x"] + name["width"] <= button["x"]  # the name stays when the row scrolls
    assert button["x"] + button["width"] <= width
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_picture_is_a_button_that_opens_it_in_explore(visit: Callable[..., Page]) -> None:  # noqa: F811
    page = visit(f"?{SMALL}")
    matrix(page)
    expect(page.locator(".st-key-cell-1-0")).to_contain_text("take Grad-CAM")
    cell = page.get_by_role("button", name="Open Grad-CAM of striped ring (shapes, features) in Explore")
    cell.hover()
    expect(page.get_by_role("tooltip")).to_contain_text("Grad-CAM of striped ring (shapes, features), for striped ring")
    cell.click()
    shown(page, "for striped ring")
    expect(page).to_have_url(re.compile(r"/\?model=shapes&input=striped-ring&layer=features&visualisation=grad-cam$"))
    page.get_by_role("link", name="Compare").click()
    full(page)
    expect(page.locator(".st-key-matrix").get_by_role("img", name=re.compile("Grad-CAM|Activations"))).to_have_count(4)
    assert "compare.input=checked-heart%2Cstriped-ring" in page.url


def test_all_of_it_is_downloaded(visit: Callable[..., Page], tmp_path: Path) -> None:  # noqa: F811
    page = visit(f"?{SMALL}")
    matrix(page)
    page.get_by_role("button", name="Download").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Everything in it (.zip)").click()
    download.value.save_as(tmp_path / "matrix.zip")
    with page.expect_download() as download:
        page.get_by_role("button", name="The matrix as a picture (.png)").click()
    download.value.save_as(SCREENSHOTS / "matrix.png")
    assert page.evaluate(MISPLACED) == []
    with zipfile.ZipFile(tmp_path / "matrix.zip") as kept:
        assert kept.testzip() is None
        assert kept.read("matrix.png") == (SCREENSHOTS / "matrix.png").read_bytes()
        cells = json.loads(kept.read("matrix.json"))["cells"]
        assert [cell["request"]["visualisation"] for cell in cells[::2]] == ["grad-cam", "attention", "activations"]
        for cell in cells:
            if cell["row"] == "Attention":
                assert "take Grad-CAM" in cell["said"]
            else:
                assert np.isfinite(np.load(io.BytesIO(kept.read(cell["raw"])))).all()
                assert Image.open(io.BytesIO(kept.read(cell["picture"]))).width >= 128


def test_a_link_leads_straight_to_the_matrix(browser: Browser, url: str) -> None:  # noqa: F811
    page = browser.new_page()
    page.goto(f"{url}/compare?compare.rows=layer&compare.columns=visualisation&compare.layer=features.4,features")
    full(page)
    expect(
        page.get_by_role("button", name="Open Layer-CAM of checked heart (shapes, features.4) in Explore")
    ).to_be_visible()
    expect(page.locator(".st-key-matrix").get_by_role("button", name=re.compile("^Open"))).to_have_count(8)
    page.close()
