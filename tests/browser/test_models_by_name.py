"""Models by name in a real Chromium: a name is entered, its model is downloaded from a hub on loopback and shown."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests import ROOT
from tests.browser.page import choose, faults_by_theme, settled, shown
from tests.models import hub_repositories
from tests.models.hub_server import serving
from tests.server import serve

DEIT, VIT = "timm/deit3_small_patch16_224.fb_in1k", "someone/tiny-vit"


@pytest.fixture(scope="module")
def dashboard_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The dashboard beside a hub with two models, an empty cache, and a folder with a third model."""
    root = tmp_path_factory.mktemp("hub")
    for name in (DEIT, VIT):
        hub_repositories.save(name, root)
    settings = root / "mirror.toml"
    settings.write_text(f'[ours]\npath = "{VIT}"\n', encoding="utf-8")
    cache: Path = tmp_path_factory.mktemp("cache")
    with serving(root) as hub:
        env = {"HF_ENDPOINT": hub.url, "HF_HOME": str(cache), "MIRROR_SETTINGS": str(settings)}
        with serve(ROOT / "mirror_app" / "main.py", env=env) as address:
            yield address


def enter(page: Page, name: str) -> None:
    """Enter the name of a model as a person does."""
    box = page.get_by_role("combobox", name="Model")
    box.click()
    box.fill(name)
    page.keyboard.press("Enter")


@pytest.mark.parametrize("width", [1280, 390])
def test_a_person_enters_a_name_and_sees_evidence_attention_and_relevance(
    dashboard: Callable[..., Page], width: int
) -> None:
    page = dashboard(width=width)
    if width < 500:
        page.get_by_test_id("stExpandSidebarButton").click()
    enter(page, f"https://huggingface.co/{DEIT}" if width > 500 else DEIT)
    expect(page).to_have_url(re.compile("deit3"))
    for visualisation in ("Grad-CAM", "Attention", "Attention relevance"):
        choose(page, "Visualisation", visualisation)
        shown(page, visualisation)
        settled(page)
        if width > 500 or visualisation == "Attention":
            assert faults_by_theme(page, f"by-name-{visualisation.lower().replace(' ', '-')}") == {}
    expect(page.get_by_text("There is no model")).to_have_count(0)
    page.reload()
    settled(page)
    shown(page, "Attention relevance")


def test_a_name_that_no_model_has_keeps_the_view_and_says_so(dashboard: Callable[..., Page]) -> None:
    page = dashboard()
    enter(page, "resnet500")
    expect(page.get_by_text("There is no model 'resnet500'")).to_be_visible()
    settled(page)
    assert "resnet500" not in page.url
    enter(page, "someone/nothing")
    expect(page.get_by_text("has no public model")).to_be_visible()
    enter(page, VIT)
    settled(page)
    shown(page, "Grad-CAM")


def test_a_folder_in_the_settings_file_is_a_model(dashboard: Callable[..., Page]) -> None:
    page = dashboard("?model=ours&visualisation=lrp&rule=attnlrp")
    shown(page, "LRP")
    expect(page.get_by_text("cat").first).to_be_visible()
