"""The page of a running program through the proxy of a Jupyter server, in Chromium."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from mirror_app.live.launch import start
from mirror_app.visualisations.web import GradCam
from tests.browser.page import picture_caption, settle
from tests.live.test_launch import INPUT
from tests.networks import Linear
from tests.server import unused_port, wait_for

TOKEN = "of-this-test"


@pytest.fixture
def jupyter_url(tmp_path: Path) -> Iterator[str]:
    """The address of a Jupyter server with jupyter-server-proxy."""
    port = unused_port()
    options = {
        "ServerApp.port": port,
        "ServerApp.ip": "127.0.0.1",
        "ServerApp.open_browser": False,
        "ServerApp.root_dir": tmp_path,
        "ServerApp.jpserver_extensions": "jupyter_server_proxy=True",
        "IdentityProvider.token": TOKEN,
    }
    server = subprocess.Popen(
        [sys.executable, "-m", "jupyter_server", "--allow-root", *(f"--{name}={options[name]}" for name in options)],
        env={**os.environ, **{name: str(tmp_path) for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "HOME")}},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(f"http://127.0.0.1:{port}/api", server)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(20)


def test_the_proxy_shows_the_model_of_the_program(free: int, jupyter_url: str, browser: Browser) -> None:
    handle = start(INPUT, Linear(), [GradCam], free)
    port = re.search(r":(\d+)/", handle.url)
    assert port
    errors: list[str] = []
    page = browser.new_page()
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(f"{jupyter_url}/proxy/{port[1]}/?token={TOKEN}")
    expect(picture_caption(page)).to_be_visible()
    expect(page.get_by_role("treeitem").first).to_contain_text("Linear")  # the address names no model
    settle(page)
    page.get_by_role("link", name="Architecture").click()
    expect(page.get_by_text("multiply-adds for a picture")).to_be_visible()
    expect(page).to_have_url(re.compile(rf"/proxy/{port[1]}/architecture\?"))
    page.close()
    assert errors == []
