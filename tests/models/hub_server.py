"""A Hugging Face hub on loopback: it serves real repositories from a folder, and can fail as the real one does."""

import hashlib
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

POLL = 0.01  # seconds: how soon a server notices that it is to end
COMMIT = "0123456789abcdef0123456789abcdef01234567"


class HubServer(ThreadingHTTPServer):
    """Serves the repositories `root`/owner/name; `mood` decides how: whole, slow, cut, altered, gated or broken."""

    def __init__(self, root: Path) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.root = root
        self.mood = "whole"
        self.requests: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: HubServer
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def _answer(self, with_body: bool) -> None:
        path = unquote(urlsplit(self.path).path)
        self.server.requests.append(f"{self.command} {path}")
        words = path.strip("/").split("/")
        name = "/".join(words[2:4] if words[0] == "api" else words[:2])
        folder = self.server.root / name
        if self.server.mood == "broken":
            self._fail(500, "")
        elif not folder.is_dir() or name.count("/") != 1:
            self._fail(404, "RepoNotFound")
        elif words[0] == "api":
            self._send(json.dumps(_described(folder, name)).encode(), {}, with_body)
        elif self.server.mood == "gated":
            self._fail(403, "GatedRepo")
        elif (file := folder.joinpath(*words[4:])).is_file():
            self._send_file(file, with_body)
        else:
            self._fail(404, "EntryNotFound")

    def _send_file(self, file: Path, with_body: bool) -> None:
        content = file.read_bytes()
        headers = {"ETag": f'"{hashlib.sha256(content).hexdigest()}"', "X-Repo-Commit": COMMIT}
        is_weights = file.suffix == ".safetensors"
        if is_weights and self.server.mood == "altered":
            content = content[:-4] + b"spam"
        self._send(content, headers, with_body, is_weights)

    def _send(self, content: bytes, headers: dict[str, str], with_body: bool, is_weights: bool = False) -> None:
        self.send_response(200)
        for key, value in headers.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if not with_body:
            return
        half = len(content) // 2 if is_weights else len(content)
        self.wfile.write(content[:half])
        self.wfile.flush()
        if is_weights and self.server.mood == "slow":
            time.sleep(1)
        if is_weights and self.server.mood == "cut":
            self.close_connection = True
            return
        self.wfile.write(content[half:])

    def _fail(self, code: int, error: str) -> None:
        self.send_response(code)
        self.send_header("X-Error-Code", error)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def _described(folder: Path, name: str) -> dict[str, object]:
    siblings = []
    for file in sorted(folder.iterdir()):
        content = file.read_bytes()
        sibling: dict[str, object] = {"rfilename": file.name, "size": len(content), "blobId": "0" * 40}
        if file.suffix in (".safetensors", ".bin"):
            digest = hashlib.sha256(content).hexdigest()
            sibling["lfs"] = {"sha256": digest, "size": len(content), "pointerSize": 134}
        siblings.append(sibling)
    return {
        "id": name,
        "sha": COMMIT,
        "siblings": siblings,
        "private": False,
        "gated": False,
        "tags": [],
        "downloads": 0,
    }


@contextmanager
def serving(root: Path) -> Iterator[HubServer]:
    """Serve the repositories in `root` until the context ends."""
    with HubServer(root) as server:
        thread = threading.Thread(target=server.serve_forever, args=(POLL,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()
