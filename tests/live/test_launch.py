"""mirror(): live objects on the page, from a script and from a running loop, and nothing is left behind."""

import asyncio
import copy
import os
import re
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from streamlit.runtime.context import ContextProxy
from torch import Tensor, nn

import mirror_app
from mirror_app import engine, live
from mirror_app.bundled.examples import examples
from mirror_app.engine.request import Request
from mirror_app.images import Preprocessing, from_array
from mirror_app.live import launch, sessions
from mirror_app.live.launch import Handle, start
from mirror_app.live.session import IMAGENET, Net, PreprocessingOverrides, live_session
from mirror_app.models import catalogue
from mirror_app.visualisations import registry
from mirror_app.visualisations.web import DeepDream, GradCam, offer
from tests import ROOT
from tests.app import page
from tests.networks import Linear, resnet18, state
from tests.refused import Fields, refused
from tests.server import knock

INPUT = torch.rand(3, 40, 30, generator=torch.Generator().manual_seed(0))
LIVE = {**os.environ, "PYTHONPATH": str(ROOT), "BROWSER": "true"}


@pytest.fixture(autouse=True)
def _nothing_left() -> Iterator[None]:
    """After each test neither a thread nor a file nor a model is held that was not held before."""
    threads, files = held()
    yield
    for handle in list(launch._handles):
        handle.stop()
    end = time.monotonic() + 5
    while not (held()[0] <= threads and held()[1] <= files) and time.monotonic() < end:
        time.sleep(0.05)
    assert held()[0] <= threads
    assert held()[1] <= files
    assert not sessions._sessions
    assert not registry._temporary


def held() -> tuple[set[str], int]:
    threads = {thread.name for thread in threading.enumerate() if not thread.name.startswith(("asyncio", "download"))}
    return threads, len(list(Path("/proc/self/fd").iterdir())) if Path("/proc").exists() else 0


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url.partition('/?')[0]}/_stcore/health", timeout=2) as answer:
            return bool(answer.read() == b"ok")
    except OSError:
        return False


def test_ten_calls_in_one_process_one_after_another(free: int) -> None:
    signals = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    @offer("Same")
    def same(model: nn.Module, inputs: Tensor, layer: nn.Module) -> Tensor:
        return inputs

    for _ in range(10):
        handle = start(INPUT, Linear(), [same, GradCam], free)
        assert answers(handle.url)
        handle.stop()
        handle.stop()
        assert not answers(handle.url)
        assert repr(handle) == "Mirror, stopped"
    assert {number: signal.getsignal(number) for number in signals} == signals


def test_a_second_call_joins_the_server_and_the_first_stays(free: int) -> None:
    first, second = (start(INPUT, Linear(), port=free) for _ in range(2))
    assert first.url.partition("?")[0] == second.url.partition("?")[0]
    assert first.url != second.url
    first.stop()
    assert answers(second.url)
    second.stop()
    assert not answers(second.url)


def test_a_proxy_with_a_name_of_its_own_is_let_in_if_it_is_allowed(free: int, monkeypatch: pytest.MonkeyPatch) -> None:
    hub = {"Host": "hub.example.org", "Origin": "https://hub.example.org"}
    handle = start(INPUT, Linear(), port=free)
    assert knock(handle.url, **hub) == 403
    handle.stop()
    monkeypatch.setenv("STREAMLIT_SERVER_ALLOWED_HOSTS", "*.example.com hub.example.org")
    handle = start(INPUT, Linear(), port=free)
    assert knock(handle.url, **hub) == knock(handle.url) == 101
    assert knock(handle.url, **hub | {"Origin": "https://evil.example.net"}) == 403


def test_the_address_alone_opens_the_latest_session_on_this_computer_only(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = (live_session(name, INPUT, Linear(), [GradCam], PreprocessingOverrides()) for name in ("a1", "b2"))
    live.add(first)
    live.add(second)
    monkeypatch.setattr(ContextProxy, "ip_address", None)  # this computer
    try:
        assert page().session_state.mirror.live_session is second
        assert page(model="shapes").session_state.mirror.live_session is None
        monkeypatch.setattr(ContextProxy, "ip_address", "198.51.100.7")
        assert page().session_state.mirror.live_session is None
        monkeypatch.setattr(ContextProxy, "ip_address", None)
        live.remove(second)
        assert page().session_state.mirror.live_session is first
    finally:
        live.remove(first)
    assert page().session_state.mirror.live_session is None


def test_where_a_loop_runs_it_returns_at_once_and_shows_itself(free: int, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open_new_tab", opened.append)

    async def cell() -> Handle:
        return mirror_app.mirror(INPUT, Linear(), port=free)

    with ThreadPoolExecutor(1) as thread:  # in this one a browser's loop may run, of other tests
        handle = thread.submit(lambda: asyncio.run(cell())).result()
    assert opened == [handle.url]
    assert f'<iframe src="{handle.url}"' in handle._repr_html_()
    assert answers(handle.url)


def test_a_port_that_is_taken_is_left_for_the_next(free: int) -> None:
    with socket.create_server(("127.0.0.1", free)):
        handle = start(INPUT, Linear(), port=free)
        assert f":{free}/" not in handle.url
        assert answers(handle.url)
        handle.stop()
        with refused("70000", accepted="a free port", hint="port="):
            start(INPUT, Linear(), port=70_000)


@pytest.mark.minutes
def test_a_script_waits_for_ctrl_c_and_goes_on_after_it(free: int, tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(
        textwrap.dedent(f"""
            import signal
            before = signal.getsignal(signal.SIGINT)
            from torch import nn, rand
            from mirror_app import mirror
            mirror([rand(3, 20, 20)], nn.Sequential(nn.Conv2d(3, 4, 1)), port={free})
            assert signal.getsignal(signal.SIGINT) is before
            print("went on")
        """)
    )
    script = subprocess.Popen(
        [sys.executable, str(tmp_path / "script.py")],
        env={**LIVE, "PYTHONUNBUFFERED": "1"},
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert script.stdout
    line = script.stdout.readline()
    url = re.fullmatch(r"Mirror at (http://127\.0\.0\.1:\d+/\?model=Sequential%40\w{6})\n", line)
    assert url, line
    assert answers(url[1])
    script.send_signal(signal.SIGINT)
    out, err = script.communicate(timeout=60)
    assert (script.returncode, out.split("\n")[-2], err) == (0, "went on", "")


@pytest.mark.minutes
def test_the_import_is_cheap() -> None:
    program = "import mirror_app, sys; print({'torch', 'streamlit', 'numpy'} & set(sys.modules)); mirror_app.mirror"
    ended = subprocess.run([sys.executable, "-c", program], env=LIVE, capture_output=True, text=True, check=True)
    assert ended.stdout == "set()\n"
    with pytest.raises(AttributeError, match="no attribute 'mirorr'"):
        mirror_app.mirorr  # type: ignore[attr-defined]  # noqa: B018


class Keeping(nn.Module):
    """Gives what it is given."""

    def forward(self, inputs: Tensor) -> Tensor:
        return inputs * 1


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16])
def test_tensors_go_to_the_model_exactly_as_given(dtype: torch.dtype) -> None:
    given = (torch.randn(3, 17, 23, generator=torch.Generator().manual_seed(1)) * 3).to(dtype)
    made = live_session(
        "abc",
        [given, given[None].repeat(2, 1, 1, 1)],
        nn.Sequential(Keeping(), nn.Conv2d(3, 2, 1)).to(dtype),
        None,
        PreprocessingOverrides(),
    )
    (model,) = made.models.values()
    assert len(made.pictures) == 3
    request = Request(model.name, made.pictures[0].id, "0", "activations")
    assert torch.equal(torch.from_numpy(engine.run(request, model, made.pictures[0]).raw)[0], given)
    assert engine.tree(model)[1].call
    assert model.preprocessing.model_input_rgb(made.pictures[0]).shape == (17, 23, 3)
    assert made.pictures[0].notes == ()


def test_a_tensor_that_looks_unnormalised_comes_with_a_note_and_is_dreamed_as_it_is() -> None:
    made = live_session("abc", INPUT, Linear(), [DeepDream], PreprocessingOverrides())
    (picture,) = made.pictures
    assert "may not be normalised" in picture.notes[0]
    (model,) = made.models.values()
    assert np.array_equal(
        model.preprocessing.model_input_rgb(picture), (INPUT * 255).round().byte().permute(1, 2, 0).numpy()
    )
    values = made.entries[0].canonical({"steps": 1, "lr": 0.0})
    dreamed = engine.run(Request(model.name, picture.id, "maps", "deep-dream", values), model, picture).raw
    assert np.allclose(dreamed[0], INPUT, atol=1e-6)
    assert (
        live_session("abc", INPUT, Linear(), None, PreprocessingOverrides(mean=[0] * 3, std=[1] * 3)).pictures[0].notes
        == ()
    )


def test_a_normalised_tensor_is_shown_as_the_picture_that_it_was() -> None:
    given = IMAGENET.prepare(examples()[0])[0]
    made = live_session("abc", given, Linear(), None, PreprocessingOverrides())
    shown = next(iter(made.models.values())).preprocessing.model_input_rgb(made.pictures[0])
    assert np.abs(shown.astype(int) - IMAGENET.model_input_rgb(examples()[0])).max() <= 1


def test_pictures_go_through_the_preprocessing_that_is_said_or_the_catalogues(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (90, 120, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "noise.png")
    image = Image.open(tmp_path / "noise.png")
    shapes = catalogue.load("shapes")
    cases: list[tuple[Net, PreprocessingOverrides, Preprocessing]] = [
        (shapes, PreprocessingOverrides(), shapes.preprocessing),
        (Linear(), PreprocessingOverrides(), IMAGENET),
        (
            Linear(),
            PreprocessingOverrides(mean=[0.5] * 3, std=[0.25] * 3, size=48),
            Preprocessing(48, 48, (0.5,) * 3, (0.25,) * 3),
        ),
        (Linear(), PreprocessingOverrides(size=(32, 48)), Preprocessing((32, 48), 48, IMAGENET.mean, IMAGENET.std)),
    ]
    for net, said, expected in cases:
        made = live_session("abc", image, net, None, said)
        (model,) = made.models.values()
        assert made.pictures[0].name == "noise.png"
        assert torch.equal(model.inputs(made.pictures[0]), expected.prepare(from_array(pixels, "noise")))
    image.close()
    (model,) = live_session("abc", Image.fromarray(pixels), shapes, None, PreprocessingOverrides()).models.values()
    assert model.classes == shapes.classes
    assert model.module is shapes.module


@pytest.mark.parametrize(
    ("arguments", "fields"),
    [
        (([], Linear()), {"culprit": "inputs", "hint": "at least one input"}),
        ((INPUT, {}), {"culprit": "model", "hint": "one model"}),
        (("cat.jpg", Linear()), {"culprit": "str", "accepted": "tensors, Pillow images, or tuples of tensors"}),
        ((INPUT[0], Linear()), {"culprit": "input 1", "accepted": "a float tensor", "problem": "(40, 30)"}),
        (
            ((INPUT * 255).byte(), Linear()),
            {"culprit": "input 1", "accepted": "a float tensor", "problem": "torch.uint8"},
        ),
        ((INPUT / 0, Linear()), {"culprit": "input 1", "accepted": "finite values"}),
        ((INPUT[:1], Linear()), {"culprit": "Linear", "problem": "input 1: RuntimeError: Given groups=1"}),
        ((INPUT, "vgg16"), {"culprit": "str", "accepted": "an nn.Module"}),
        ((INPUT, {"a": Linear(), "b": None}), {"culprit": "b", "accepted": "an nn.Module", "problem": "NoneType"}),
        (
            (INPUT, Linear(), None, PreprocessingOverrides(classes=["cat"])),
            {"culprit": "classes", "accepted": "2 names", "problem": "'Linear'"},
        ),
        (
            (INPUT, Linear(), None, PreprocessingOverrides(mean=[0.5], std=[0.5] * 3)),
            {"culprit": "mean (0.5,) and std (0.5, 0.5, 0.5)", "accepted": "one value per channel"},
        ),
        ((INPUT, Linear(), ["grad-kam"]), {"culprit": "grad-kam", "accepted": ["grad-cam"], "hint": "'grad-cam'"}),
    ],
)
def test_what_cannot_be_shown_is_one_sentence(arguments: tuple[object, ...], fields: Fields) -> None:
    inputs, model, visualisations, said = (*arguments, None, None)[:4] if len(arguments) < 4 else arguments
    with refused(**fields):
        live_session("abc", inputs, model, visualisations, said or PreprocessingOverrides())  # type: ignore[arg-type]


def test_a_model_that_gives_no_logits_and_grey_inputs_are_shown_too() -> None:
    made = live_session("abc", INPUT[:1], nn.Sequential(nn.Conv2d(1, 2, 3)), [GradCam], PreprocessingOverrides())
    (model,) = made.models.values()
    assert model.classes == ()
    assert [entry.name for entry in made.entries] == ["Grad-CAM", "Activations"]
    assert engine.run(Request(model.name, "", "0", "activations"), model, made.pictures[0]).raw.shape == (1, 2, 38, 28)


def test_a_model_that_is_being_trained_is_looked_at_as_it_answers_and_not_touched() -> None:
    net = resnet18().train()
    before = state(net)
    made = live_session("abc", INPUT, net, None, PreprocessingOverrides())
    (model,) = made.models.values()
    assert np.array_equal(engine.predict(model, made.pictures[0]).probabilities, answer(net))
    for key in ("grad-cam", "back-prop", "activations"):
        engine.run(Request(model.name, made.pictures[0].id, "layer2", key), model, made.pictures[0])
    assert state(net) == before


def answer(net: nn.Module) -> np.ndarray:
    with torch.no_grad():
        return np.asarray(copy.deepcopy(net).eval()(INPUT[None]).softmax(1)[0])
