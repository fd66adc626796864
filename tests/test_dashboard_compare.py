"""The compare page in a real Chromium: it fills, a cell opens, all of it is taken home."""

import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser import MISPLACED, READY, SCREENSHOTS, settled


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_a_matrix_fills_opens_and_is_taken_home(
    dashboard: Callable[..., Page], tmp_path: Path, width: int, scheme: str
) -> None:
    page = dashboard("compare?compare.visualisations=grad-cam,lrp,attention", width, 900, scheme, at_rest=False)
    expect(page.get_by_role("button", name="Download")).to_be_visible(timeout=90_000)
    page.wait_for_selector(READY)
    page.wait_for_timeout(500)
    page.screenshot(path=SCREENSHOTS / f"compare-{width}-{scheme}.png", full_page=True)
    assert page.evaluate(MISPLACED) == []
    expect(page.get_by_text("MultiheadAttention")).to_have_count(4)

    page.get_by_role("button", name="Download").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="(.zip)").click()
    with zipfile.ZipFile(download.value.path()) as archive:
        assert len([name for name in archive.namelist() if name.endswith(".npy")]) == 8
    page.keyboard.press("Escape")

    page.get_by_role("button", name="Open LRP · striped ring").click()
    settled(page)
    expect(page.get_by_role("heading", name="LRP")).to_be_visible()
    assert "visualisation=lrp" in page.url
    assert "input=striped-ring" in page.url
