"""What tests in a real browser need: a Streamlit script that is served, and a page that has come to rest."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, expect

ROOT = Path(__file__).resolve().parents[1]


@contextmanager
def serve(script: Path, *arguments: str, cwd: Path = ROOT, env: Mapping[str, str] | None = None) -> Iterator[str]:
    """Run `streamlit run script *arguments` and yield its address; the script can import the project."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = {
        "server.port": port,
        "server.address": "127.0.0.1",
        "server.headless": "true",
        "server.fileWatcherType": "none",
        "browser.gatherUsageStats": "false",
    }
    flags = [text for name, value in options.items() for text in (f"--{name}", str(value))]
    server = subprocess.Popen(
        [sys.executable, "-m", "streamlit", "run", str(script), *flags, *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), **(env or {})},
    )
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_for(f"{url}/_stcore/health", server)
        yield url
    finally:
        server.terminate()
        server.wait(20)


def _wait_for(url: str, server: subprocess.Popen[bytes], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end and server.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except OSError:
            time.sleep(0.1)
    raise TimeoutError(f"{url} did not answer; the server's exit status is {server.poll()}.")


def settle(page: Page) -> None:
    """Wait until the script has run to its end."""
    page.wait_for_timeout(150)
    expect(page.locator('[data-testid="stApp"][data-test-script-state="notRunning"]')).to_be_visible()


def said(page: Page, word: str) -> str:
    """Return what the page says after a word and a colon, up to the full stop at the end of the line."""
    settle(page)
    return page.get_by_text(f"{word}: ").last.inner_text().removeprefix(f"{word}: ").removesuffix(".")
