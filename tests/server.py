"""A Streamlit script on a server of its own."""

import http.client
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from types import MappingProxyType
from urllib.parse import urlsplit

from tests import ROOT

MAIN = ROOT / "mirror_app" / "main.py"


def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serve(script: Path, *arguments: str, cwd: Path = ROOT, env: Mapping[str, str] | None = None) -> Iterator[str]:
    """Run `streamlit run script *arguments` and yield its address; the script can import the project."""
    port = unused_port()
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
        wait_for(f"{url}/_stcore/health", server)
        yield url
    finally:
        server.terminate()
        server.wait(20)


@contextmanager
def hosted(settings: str = "") -> Iterator[str]:
    """Serve the dashboard with the profile `hosted` and further settings of the server, and yield its address."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "mirror.toml"
        file.write_text(f'[mirror]\nprofile = "hosted"\n{settings}')
        with serve(MAIN, env={"MIRROR_SETTINGS": str(file)}) as url:
            yield url


class Answer:
    """What a server answers to one request."""

    def __init__(
        self,
        url: str,
        path: str,
        method: str = "GET",
        body: bytes = b"",
        headers: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        with closing(http.client.HTTPConnection(urlsplit(url).netloc, timeout=20)) as connection:
            connection.request(method, path, body, dict(headers))
            response = connection.getresponse()
            self.status, self.headers, self.text = response.status, response.headers, response.read().decode("latin-1")


def knock(url: str, **headers: str) -> int:
    """The answer to a WebSocket's greeting."""
    greeting = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    }
    return Answer(url, "/_stcore/stream", headers=greeting | headers).status


def wait_for(url: str, server: subprocess.Popen[bytes], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end and server.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except OSError:
            time.sleep(0.1)
    raise TimeoutError(f"{url} did not answer; the server's exit status is {server.poll()}.")
