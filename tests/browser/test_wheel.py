"""What is installed is whole: the wheel has the pages, the options and the weights, and starts from anywhere."""

import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests import ROOT
from tests.browser.page import picture_caption
from tests.server import serve
from tests.test_dashboard_command import messages, opened, started


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with nothing in it but what the wheel brings."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    install = [sys.executable, "-m", "pip", "install", "--no-deps", "--target", str(folder / "site"), str(wheel)]
    subprocess.run(install, check=True, capture_output=True)
    return folder / "site"


def test_the_wheel_has_the_pages_the_options_and_the_weights(installed: Path) -> None:
    own = installed / "mirror_app"
    for page in (ROOT / "pages").glob("*.py"):
        assert (own / "pages" / page.name).read_bytes() == page.read_bytes()
    assert (own / ".streamlit" / "config.toml").read_bytes() == (ROOT / ".streamlit" / "config.toml").read_bytes()
    assert (own / "bundled" / "weights" / "shapes.safetensors").stat().st_size > 10**6
    assert {path.name for path in installed.iterdir() if not path.name.endswith(".dist-info")} == {"mirror_app", "bin"}


def test_the_installed_command_starts_the_dashboard_with_its_own_options(
    installed: Path, free: int, tmp_path: Path
) -> None:
    command = str(installed / "bin" / "mirror")
    with (
        started("--port", str(free), port=free, cwd=tmp_path, program=[command, "serve"], PYTHONPATH=str(installed)),
        opened(free) as visitor,
    ):
        session = next(messages(visitor)).new_session
        assert session.custom_theme.light.primary_color == "#6d3bd4"
        assert session.main_script_path == str(installed / "mirror_app" / "main.py")


def test_it_shows_a_picture_from_an_empty_folder_with_its_own_options(
    installed: Path, browser: Browser, tmp_path: Path
) -> None:
    main = installed / "mirror_app" / "main.py"
    with serve(main, cwd=tmp_path, env={"PYTHONPATH": str(installed)}) as url:
        page = browser.new_page()
        page.goto(url)
        expect(picture_caption(page)).to_be_visible(timeout=60_000)
        colour = page.evaluate("getComputedStyle(document.querySelector('[data-testid=stSidebar]')).backgroundColor")
        assert colour == "rgb(245, 243, 250)"  # the theme of our config.toml
        page.close()
