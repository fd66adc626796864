"""Weights from the hub, over real HTTP: fetched with progress, refused when damaged, and kept."""

import hashlib
import io
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import streamlit as st
import torch
import torchvision
from streamlit.testing.v1 import AppTest
from torch import nn
from torchvision.models import Weights, WeightsEnum
from torchvision.models._api import BUILTIN_MODELS
from torchvision.transforms._presets import ImageClassification

from mirror_app.models import Model, catalogue, download, transfer
from mirror_app.models.cache import ModelCache
from tests import ROOT
from tests.app import lives, page, plain
from tests.models.hub_server import POLL
from tests.refused import refused

NAME = "tinynet"
CLASSES = ["cat", "dog", "owl"]


def tiny() -> nn.Module:
    torch.manual_seed(0)
    return torchvision.models.squeezenet1_1(num_classes=len(CLASSES))


def saved() -> bytes:
    file = io.BytesIO()
    torch.save(tiny().state_dict(), file)
    return file.getvalue()


FILE = saved()
FILE_NAME = f"tinynet-{hashlib.sha256(FILE).hexdigest()[:8]}.pth"


class Server(ThreadingHTTPServer):
    """Serves its content whole, cut in the middle, altered or not at all, as its `mood` says, and counts who asks."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.mood = "whole"
        self.content = FILE
        self.asked = 0
        self.slowly = 0.0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/models/{FILE_NAME}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.asked += 1
        if self.server.mood == "missing":
            self.send_error(404)
            return
        content = self.server.content
        content = content[:-4] + b"spam" if self.server.mood == "altered" else content
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        half = len(content) // 2
        self.wfile.write(content[:half])
        self.wfile.flush()
        time.sleep(self.server.slowly)
        if self.server.mood != "cut":
            self.wfile.write(content[half:])

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server on loopback from which torchvision takes the weights of “tinynet”, and an empty cache of torch's."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    st.cache_resource.clear()
    st.cache_data.clear()
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, args=(POLL,), daemon=True)
        thread.start()
        register(running.url, monkeypatch)
        yield running
        running.shutdown()
        thread.join()


def register(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    preset = partial(ImageClassification, crop_size=64)
    meta = {"categories": CLASSES, "_file_size": len(FILE) / 2**20}
    kind = WeightsEnum("TinyWeights", {"DEFAULT": Weights(url, preset, meta)})

    def build(*, weights: WeightsEnum | None = None, progress: bool = True) -> nn.Module:
        net = tiny()
        if weights is not None:
            net.load_state_dict(weights.get_state_dict(progress=progress, check_hash=True))
        return net

    build.__annotations__["weights"] = kind
    build.__module__ = "torchvision.models.tinynet"
    monkeypatch.setitem(BUILTIN_MODELS, NAME, build)


def left(tmp_path: Path) -> list[str]:
    return [file.name for file in tmp_path.rglob("*") if file.is_file()]


def test_a_model_is_fetched_with_progress_and_a_second_start_takes_it_from_the_cache(
    server: Server, tmp_path: Path
) -> None:
    server.slowly = 1.0
    assert catalogue.download_sizes()[NAME] == len(FILE)
    *steps, model = catalogue.load_with_progress(NAME)
    assert isinstance(model, Model)
    shares = [step.share for step in steps if isinstance(step, transfer.DownloadProgress)]
    assert shares == sorted(shares)
    assert any(0.2 < share < 0.8 for share in shares)
    assert shares[-1] == 1
    assert model.classes == tuple(CLASSES)
    assert model.preprocessing.size == 64
    assert not model.untrained
    assert all(torch.equal(mine, theirs) for mine, theirs in zip(model.module.parameters(), tiny().parameters()))  # noqa: B905
    assert left(tmp_path) == [FILE_NAME]
    assert NAME not in catalogue.download_sizes()
    assert [type(step) for step in catalogue.load_with_progress(NAME)] == [Model]
    assert server.asked == 1


@pytest.mark.parametrize(
    ("mood", "culprit", "problem"),
    [("cut", FILE_NAME, "checksum"), ("altered", FILE_NAME, "checksum"), ("missing", "127.0.0.1", "404")],
)
def test_what_goes_wrong_is_a_sentence_that_says_what_still_works_and_leaves_nothing(
    server: Server, tmp_path: Path, mood: str, culprit: str, problem: str
) -> None:
    server.mood = mood
    shelf = ModelCache(catalogue.load, 10**9)
    with refused(culprit, accepted=["shapes"], hint="offline", problem=problem):
        shelf.get(NAME)
    assert NAME not in shelf
    assert left(tmp_path) == []
    assert catalogue.load(f"{NAME}-untrained").untrained
    server.mood = "whole"
    assert not shelf.get(NAME).untrained  # and it can be tried again


def test_nobody_there(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    with Server() as gone:
        url = gone.url
    register(url, monkeypatch)
    with refused(culprit="127.0.0.1", accepted=["shapes"], hint="offline", problem="reached"):
        catalogue.load(NAME)


def test_a_server_that_falls_silent_is_given_up(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "PATIENCE", 2.0)  # on busy cores, even the request may take a while
    server.slowly = 8.0
    with refused(culprit=FILE_NAME, accepted=["shapes"], problem="try again later"):
        catalogue.load(NAME)
    server.slowly = 0.0
    assert not catalogue.load(NAME).untrained  # a new download, not the one that hangs
    assert server.asked == 2


def test_who_leaves_early_leaves_no_old_failure_behind(server: Server) -> None:
    server.mood, server.slowly = "cut", 0.5
    asked = catalogue.load_with_progress(NAME)
    next(asked)
    asked.close()
    time.sleep(1.5)
    server.mood = "whole"
    assert not catalogue.load(NAME).untrained


def test_no_room_on_the_disk(server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with refused(culprit=FILE_NAME, problem="full"):
        list(download.fetch(server.url, 10**18))
    (tmp_path / "file").touch()
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "file"))
    with refused(culprit=FILE_NAME, problem="Not a directory"):
        list(download.fetch(server.url, 1))
    assert server.asked == 0


@pytest.mark.minutes
def test_a_program_that_ends_does_not_wait_for_a_download_and_leaves_no_part_of_it(
    server: Server, tmp_path: Path
) -> None:
    server.slowly = 60.0
    program = f"""
import time
from mirror_app.models import download

for fetched in download.fetch({server.url!r}, {len(FILE)}):
    if fetched.bytes:
        break
"""
    began = time.monotonic()
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60, cwd=ROOT)
    assert time.monotonic() - began < 40
    assert server.asked == 1
    assert left(tmp_path) == []


def cached(url: str, content: bytes) -> Path:
    """Put a file into torch's cache, as if it had been downloaded from there."""
    file = download.path_of(url)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    return file


def test_a_file_in_the_cache_that_is_cut_short_is_downloaded_again(server: Server) -> None:
    file = cached(server.url, FILE[: len(FILE) // 2])
    assert not catalogue.load(NAME).untrained
    assert file.read_bytes() == FILE
    assert server.asked == 1


class Touch:
    """Creates a file when it is unpickled."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.file,)


@pytest.mark.parametrize("source", ["the cache", "the server"])
def test_code_in_a_file_with_the_right_checksum_is_not_run(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    trace = tmp_path / "trace"
    evil = io.BytesIO()
    torch.save({"weight": Touch(trace)}, evil)
    name = f"tinynet-{hashlib.sha256(evil.getvalue()).hexdigest()[:8]}.pth"
    register(url := server.url.replace(FILE_NAME, name), monkeypatch)
    if source == "the cache":
        cached(url, evil.getvalue())
        server.mood = "missing"
    else:
        server.content = evil.getvalue()
    problem = "404" if source == "the cache" else "more than tensors"
    with refused("127.0.0.1" if source == "the cache" else name, problem=problem):
        catalogue.load(NAME)
    assert not trace.exists()
    assert not download.path_of(url).exists()
    torch.load(io.BytesIO(evil.getvalue()), weights_only=False)
    assert trace.exists()  # this is what torchvision would have done


def test_a_file_that_does_not_fit_the_model_is_named_without_its_folder(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = io.BytesIO()
    torch.save(nn.Linear(2, 2).state_dict(), other)
    name = f"tinynet-{hashlib.sha256(other.getvalue()).hexdigest()[:8]}.pth"
    register(url := server.url.replace(FILE_NAME, name), monkeypatch)
    cached(url, other.getvalue())
    with refused(culprit=name, accepted=["shapes"], problem="do not fit") as error:
        catalogue.load(NAME)
    assert str(tmp_path) not in str(error)


def test_what_a_killed_program_left_of_a_download_is_removed(server: Server, tmp_path: Path) -> None:
    checkpoints = tmp_path / "hub" / "checkpoints"
    for folder, age in (("partial-old", download.ABANDONED + 60), ("partial-young", 60)):
        (checkpoints / folder).mkdir(parents=True)
        (checkpoints / folder / "x.pth").touch()
        for path in (checkpoints / folder / "x.pth", checkpoints / folder):
            os.utime(path, (time.time() - age,) * 2)
    catalogue.load(NAME)
    assert sorted(path.name for path in checkpoints.iterdir()) == ["partial-young", FILE_NAME]


def test_many_who_ask_at_once_fetch_once(server: Server) -> None:
    server.slowly = 0.5
    shelf = ModelCache(catalogue.load, 10**9)
    found: list[Model] = []
    threads = [threading.Thread(target=lambda: found.append(shelf.get(NAME))) for _ in range(8)]
    threads += [threading.Thread(target=lambda: found.append(catalogue.load(NAME))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 16
    assert server.asked == 1


def errors(test: AppTest) -> list[str]:
    return [box.value for box in test.error]


@pytest.mark.page
def test_the_page_fetches_a_model_and_shows_it(server: Server) -> None:
    server.slowly = 0.5
    test = page(model=NAME)
    assert lives(test)
    assert not test.error


@pytest.mark.page
@pytest.mark.parametrize("wrong", ["cut", "missing"])
def test_a_page_without_the_network_says_so_and_lives_on(server: Server, wrong: str) -> None:
    server.mood = wrong
    test = page(model=NAME)
    assert not test.exception
    (sentence,) = errors(test)
    assert NAME in plain(sentence)
    assert "shapes" in sentence  # what there is without the network
    test.selectbox(key="model").select("shapes").run()
    assert errors(test) == []
    assert lives(test)
