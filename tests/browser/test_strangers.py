"""A network that Mirror has never met, in Chromium."""

import torch
from playwright.sync_api import Browser, expect

from mirror_app.live.launch import start
from tests.visualisations.test_strangers import PICTURE, Captioned

READY = '[data-testid="stApp"][data-test-script-state="notRunning"]'


def test_a_person_points_at_the_answer_of_a_stranger(browser: Browser, free: int) -> None:
    handle = start([(PICTURE, torch.ones(5))], Captioned().eval(), ["back-prop"], free)
    errors: list[str] = []
    page = browser.new_page()
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    try:
        page.goto(handle.url)
        page.wait_for_selector(READY)
        expect(page.get_by_text("several tensors")).to_be_visible()
        expect(page.get_by_text("The model does not give one score per class. Its outputs are: maps")).to_be_visible()
        box = page.get_by_role("combobox", name="Target")
        box.click()
        box.fill(":answers:kind:2")
        box.press("Enter")
        page.wait_for_selector(READY)
        expect(page.get_by_text("for item 2 of the output “answers:kind”")).to_be_visible()
        expect(page.get_by_role("img", name="The visualisation")).to_be_visible()
    finally:
        page.close()
        handle.stop()
    assert not errors
