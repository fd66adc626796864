"""Figures for papers as a person makes them, in a real Chromium."""

import re
from collections.abc import Callable
from pathlib import Path

import pypdf
from playwright.sync_api import Page, expect

from tests.browser.page import faults, settle


def downloaded(page: Page, folder: Path) -> str:
    """Open the dialog, look for faults, download the PDF file, and return its text."""
    page.get_by_role("button", name="Download").click()
    page.get_by_role("button", name="Figure for a paper").click()
    dialog = page.get_by_role("dialog", name="Figure for a paper")
    expect(dialog.get_by_role("img", name="The figure")).to_be_visible()
    expect(dialog).to_contain_text("Computed with Mirror")
    expect(page.get_by_test_id("stPopoverBody")).to_be_hidden()
    settle(page)
    with page.expect_download() as download:
        dialog.get_by_role("button", name="Download the PDF file").click()
    download.value.save_as(folder / download.value.suggested_filename)
    pdf = pypdf.PdfReader(folder / download.value.suggested_filename).pages[0]
    assert abs(float(pdf.mediabox.width) / 72 * 25.4 - 85) < 0.1
    return pdf.extract_text()


def test_a_figure_of_explore_and_one_of_compare_are_downloaded(dashboard: Callable[..., Page], tmp_path: Path) -> None:
    page = dashboard("?compare.visualisation=grad-cam,layer-cam&compare.input=checked-heart,striped-ring")
    text = downloaded(page, tmp_path)
    assert "Input" in text
    assert "Grad-CAM" in text
    assert faults(page) == []
    page.get_by_role("dialog", name="Figure for a paper").get_by_role("button", name="Close").click()
    expect(page.get_by_role("dialog", name="Figure for a paper")).to_have_count(0)
    page.get_by_role("link", name="Compare").click()
    expect(page.locator(".st-key-matrix").get_by_role("button", name=re.compile("^Open"))).to_have_count(4)
    settle(page)
    text = downloaded(page, tmp_path)
    assert "Layer-CAM" in text
