"""Hostile inputs that only a browser sends."""

import secrets
from pathlib import Path

from playwright.sync_api import Browser, expect

from tests.app import png
from tests.browser.page import picture_caption


def test_q5_bytes_that_are_no_text_in_an_address(dashboard_url: str, browser: Browser) -> None:
    view = browser.new_page()
    view.goto(f"{dashboard_url}/?model=%00%ff&layer=%ff%fe&visualisation=%c3%28")
    expect(picture_caption(view)).to_be_visible(timeout=60_000)
    assert view.get_by_role("alert").get_by_role("listitem").count() == 3
    view.close()


def test_f10_a_file_beyond_the_limit_is_refused_and_the_page_lives_on(
    dashboard_url: str, browser: Browser, tmp_path: Path
) -> None:
    view = browser.new_page()
    view.goto(dashboard_url)
    expect(picture_caption(view)).to_be_visible(timeout=60_000)
    large = tmp_path / "large.png"
    large.write_bytes(png() + secrets.token_bytes(10 * 2**20 + 1))
    view.locator("input[type=file]").set_input_files(large)
    expect(view.get_by_text("10.0MB or smaller")).to_be_visible()
    small = tmp_path / "small.png"
    small.write_bytes(png())
    view.locator("input[type=file]").set_input_files(small)
    expect(view.get_by_text("small.png ·")).to_be_visible()
    view.close()
