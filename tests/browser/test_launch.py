"""Models and inputs of a Python program on the page, in Chromium."""

import io
import pickle
import runpy
import sys

from PIL import Image
from playwright.sync_api import Browser, Page, expect

from mirror_app.bundled.examples import examples
from mirror_app.live.launch import start
from mirror_app.live.session import PreprocessingOverrides
from mirror_app.models import catalogue
from mirror_app.visualisations.web import GradCam
from tests import ROOT
from tests.browser.page import picture_caption, settle
from tests.live.test_launch import INPUT
from tests.networks import Linear


class Program:
    """What a program pickles is looked for in its own `__main__`."""


def test_a_person_meets_both_models_and_inputs_and_a_second_session(free: int, browser: Browser) -> None:
    sys.modules["__main__"].Program = Program  # type: ignore[attr-defined]
    program = sys.modules["__main__"]
    nets = {"small": Linear(), "large": Linear(maps=7)}
    handle = start([INPUT, INPUT - 0.5], nets, [GradCam], free)
    other = start(INPUT, Linear(classes=5), ["back-prop"], free, PreprocessingOverrides(classes=list("abcde")))
    errors: list[str] = []
    page, beside = browser.new_page(), browser.new_page()
    for opened, url in ((page, handle.url), (beside, other.url)):
        opened.on("pageerror", lambda error: errors.append(str(error)))
        opened.goto(url)
        ready(opened)
    expect(page.get_by_text("Grad-CAM · ").first).to_be_visible()
    expect(page.get_by_role("treeitem").first).to_contain_text("small")
    expect(page.get_by_text("4 × 40 × 30").first).to_be_visible()
    page.get_by_role("combobox", name="Model").click()
    page.get_by_role("option", name="large").click()
    settle(page)
    expect(page.get_by_text("7 × 40 × 30").first).to_be_visible()
    expect(page.get_by_text("input 1 · 30 × 40 pixels")).to_be_visible()
    expect(beside.get_by_text("Back Prop · ").first).to_be_visible()
    assert sys.modules["__main__"] is program
    assert pickle.loads(pickle.dumps(nets["large"].state_dict())).keys() == nets["large"].state_dict().keys()
    assert all(weight.grad is None and weight.requires_grad for weight in nets["large"].parameters())
    handle.stop()
    beside.reload()
    ready(beside)
    page.close()
    beside.close()
    assert errors == []


def test_a_notebooks_frame_shows_a_whole_page_that_takes_uploads(free: int, browser: Browser) -> None:
    example = runpy.run_path(str(ROOT / "examples" / "own.py"))
    image = Image.fromarray(examples()[0].pixels)
    program = sys.modules["__main__"]
    handle = start(image, catalogue.load("shapes"), [example["noise"], example["repeated"]], free)
    errors: list[str] = []
    page = browser.new_page()
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.set_content(handle._repr_html_())  # another site than the page's own, as a notebook is
    frame = page.frame_locator("iframe")
    expect(picture_caption(frame)).to_be_visible()
    expect(frame.get_by_text("Classes, with more and more noise")).to_be_visible()
    frame.get_by_role("slider", name="Size of the maps").press("ArrowRight")  # runs a fragment of the page
    expect(frame.get_by_text("80", exact=True)).to_be_visible()
    page.wait_for_timeout(300)
    assert sys.modules["__main__"] is program
    file = io.BytesIO()
    image.transpose(Image.Transpose.ROTATE_90).save(file, "PNG")
    upload = {"name": "turned.png", "mimeType": "image/png", "buffer": file.getvalue()}
    frame.locator("input[type=file]").set_input_files(upload)  # type: ignore[arg-type]
    expect(frame.get_by_text("turned.png · 128 × 128 pixels")).to_be_visible(timeout=10_000)
    frame.get_by_role("link", name="Architecture").click()
    expect(frame.get_by_text("multiply-adds for a picture")).to_contain_text("shapes:")
    page.close()
    assert errors == []


def ready(page: Page) -> None:
    expect(picture_caption(page)).to_be_visible()
    settle(page)
