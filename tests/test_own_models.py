"""The owner's models: what a settings file may say, and hostile files of weights (W1 to W18 of the bad inputs)."""

import io
import json
import os
import pickle
import re
import struct
import textwrap
import tracemalloc
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torchvision
from safetensors.torch import save_file
from torch import nn

from mirror_app import engine
from mirror_app.errors import MirrorError
from mirror_app.images import from_array
from mirror_app.models import catalogue, weights_file
from mirror_app.request import Request
from tests.browser import ROOT

NETS = """
from torch import nn

def small(classes=3):
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, classes))

def broken():
    raise RuntimeError("no such thing")

def number():
    return 5
"""


def small() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a module of networks, weights in both formats and a settings file that can be written."""
    (tmp_path / "owners_nets.py").write_text(NETS)
    save_file(small().state_dict(), tmp_path / "small.safetensors")
    torch.save(small().state_dict(), tmp_path / "small.pt")
    monkeypatch.setenv("MIRROR_SETTINGS", str(tmp_path / "mirror.toml"))
    return tmp_path


def say(folder: Path, settings: str) -> None:
    (folder / "mirror.toml").write_text(textwrap.dedent(settings), encoding="utf-8")


@pytest.mark.parametrize("weights", ["small.safetensors", "small.pt"])
def test_a_model_of_the_owner_gives_the_picture_that_its_weights_give(folder: Path, weights: str) -> None:
    say(
        folder,
        f"""
        [flowers]
        factory = "owners_nets:small"
        arguments = {{ classes = 3 }}
        weights = "{weights}"
        classes = ["daisy", "rose", "tulip"]
        size = 32
        resize = 40
        mean = [0.5, 0.5, 0.5]
        std = [0.5, 0.5, 0.5]
        """,
    )
    assert catalogue.names()[:2] == ("shapes", "flowers")
    model = catalogue.load("flowers")
    assert model.classes == ("daisy", "rose", "tulip")
    assert not model.untrained
    picture = from_array(np.random.default_rng(0).integers(0, 255, (50, 60, 3)).astype(np.uint8), "x")
    inputs = model.preprocessing.prepare(picture)
    assert inputs.shape == (1, 3, 32, 32)
    assert torch.equal(model.module(inputs), small()(inputs))
    found = engine.run(Request("flowers", picture.id, "1", "grad-cam"), model, picture)
    assert found.raw.shape == (1, 30, 30)


def test_the_example_in_the_documents_works(folder: Path) -> None:
    text = (ROOT / "docs" / "own-models.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    say(folder, example)
    torch.manual_seed(0)
    save_file(torchvision.models.resnet18(num_classes=5).state_dict(), folder / "flowers.safetensors")
    model = catalogue.load("flowers")
    assert model.classes == ("daisy", "rose", "tulip", "iris", "lily")
    assert not model.untrained


def test_class_names_from_a_file_and_none_at_all(folder: Path) -> None:
    (folder / "names.txt").write_text("Gänseblümchen\nrose\ntulip\n", encoding="utf-8")
    say(
        folder, '[flowers]\nfactory = "owners_nets:small"\nclasses = "names.txt"\n[bare]\nfactory = "owners_nets:small"'
    )
    assert catalogue.load("flowers").classes == ("Gänseblümchen", "rose", "tulip")
    assert catalogue.load("bare").classes == ("class 0", "class 1", "class 2")
    assert catalogue.load("bare").untrained


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ("[a", "no TOML"),
        ("a = 5", r"\[a\] in 'mirror.toml' is no table"),
        ("[a]", "needs a factory"),
        ('[a]\nfactory = "owners_nets:small"\nwieghts = "x"', "no key 'wieghts': .* Did you mean 'weights'"),
        ('[a]\nfactory = "owners_nets:small"\nsize = "big"', "size cannot be 'big'"),
        ('[a]\nfactory = "owners_nets:small"\nsize = 10000000', "size cannot be"),
        ('[a]\nfactory = "owners_nets:small"\nmean = [0.5]', r"\[a\] in 'mirror.toml': Mean"),
        ('[a]\nfactory = "owners_nets:smal"', "there is no 'owners_nets:smal'"),
        ('[a]\nfactory = "no_such_module:x"', "there is no 'no_such_module:x'"),
        ('[a]\nfactory = "owners_nets:broken"', "fails with RuntimeError: no such thing"),
        ('[a]\nfactory = "owners_nets:number"', "gives a int"),
        ('[a]\nfactory = "owners_nets:small"\nclasses = ["one"]', "names 1 classes, and the model has 3"),
        ('[a]\nfactory = "owners_nets:small"\nclasses = "gone.txt"', "class names in 'gone.txt'"),
        ('[a]\nfactory = "owners_nets:small"\nweights = "gone.pt"', "no file of weights"),
        ('[a]\nfactory = "owners_nets:small"\nmean = [0.5]\nstd = [0.5]', "does not work: RuntimeError"),
    ],
)
def test_a_mistake_in_the_settings_is_named(folder: Path, settings: str, words: str) -> None:
    say(folder, settings)
    with pytest.raises(MirrorError, match=words) as caught:
        catalogue.load("a")
    assert "\n" not in str(caught.value)


def test_a_settings_file_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIRROR_SETTINGS", "gone.toml")
    with pytest.raises(MirrorError, match=r"gone\.toml' cannot be read"):
        catalogue.names()


class Runs:
    """What a pickle can hold: a call of anything."""

    def __init__(self, function: Callable[..., object], *arguments: object) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return self.call


def torch_file(content: object, **options: Any) -> bytes:
    file = io.BytesIO()
    torch.save(content, file, **options)
    return file.getvalue()


def archive(members: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as opened:
        for name, content in members.items():
            opened.writestr(name, content)
    return file.getvalue()


def repacked(content: bytes, method: int) -> bytes:
    with zipfile.ZipFile(io.BytesIO(content)) as opened:
        return archive({name: opened.read(name) for name in opened.namelist()}, method)


def changed(**tensors: torch.Tensor) -> dict[str, torch.Tensor]:
    return {**small().state_dict(), **{name.replace("_", "."): tensor for name, tensor in tensors.items()}}


def scripted() -> bytes:
    file = io.BytesIO()
    with warnings.catch_warnings(action="ignore", category=FutureWarning):
        torch.jit.save(torch.jit.trace(small(), torch.zeros(1, 3, 8, 8)), file)
    return file.getvalue()


def declaring(header: dict[str, Any] | bytes) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text


HOSTILE: dict[str, tuple[str, Callable[[], bytes], str]] = {
    "W1 os.system": ("x.pt", lambda: torch_file({"0.weight": Runs(os.system, "touch /tmp/pwned")}), "could run code"),
    "W2 reduce": ("x.pt", lambda: torch_file(Runs(np.array, [1])), "could run code"),
    "W2 bare pickle": ("x.pt", lambda: pickle.dumps(Runs(os.system, "true")), "no file of weights|before 1.6"),
    "W3 keras": ("x.keras", lambda: archive({"config.json": b"{}", "model.weights.h5": b""}), "archive of something"),
    "W3 h5": ("x.h5", lambda: b"\x89HDF\r\n\x1a\n" + bytes(99), "Keras or HDF5"),
    "W4 torchscript": ("x.pt", scripted, "TorchScript"),
    "W5 onnx": ("x.onnx", lambda: b"\x08\x07\x12\x07pytorch" + bytes(99), "ONNX"),
    "W6 whole module": ("x.pt", lambda: torch_file(small()), "could run code"),
    "W7 deflated": (
        "x.pt",
        lambda: repacked(torch_file({"0.weight": torch.zeros(10**7)}), zipfile.ZIP_DEFLATED),
        "is packed",
    ),
    "W8 stride 0": ("x.pt", lambda: torch_file({"0.weight": torch.zeros(1).expand(10**5, 10**5)}), "do not fit"),
    "W9 sparse": ("x.pt", lambda: torch_file(changed(**{"0_weight": torch.eye(3).to_sparse()})), "plain floats"),
    "W10 legacy": (
        "x.pt",
        lambda: torch_file(small().state_dict(), _use_new_zipfile_serialization=False),
        "before 1.6",
    ),
    "W11 truncated": ("x.pt", lambda: torch_file(small().state_dict())[:-300], "damaged or cut short"),
    "W12 long header": ("x.safetensors", lambda: struct.pack("<Q", 200 * 2**20) + b"{", "damaged"),
    "W12 no JSON": ("x.safetensors", lambda: declaring(b"\xff" * 64), "damaged"),
    "W12 offset outside": (
        "x.safetensors",
        lambda: declaring({"0.weight": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}}),
        "damaged",
    ),
    "W12 overlap": (
        "x.safetensors",
        lambda: (
            declaring(
                {
                    "a": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]},
                    "b": {"dtype": "F32", "shape": [4], "data_offsets": [8, 24]},
                }
            )
            + bytes(24)
        ),
        "damaged",
    ),
    "W13 wrong keys": ("x.pt", lambda: torch_file({"conv.weight": torch.zeros(1)}), "'0.weight' is missing, .* 2 more"),
    "W13 DataParallel": (
        "x.pt",
        lambda: torch_file({f"module.{name}": tensor for name, tensor in small().state_dict().items()}),
        "begin with «module.»",
    ),
    "W14 wrong shapes": (
        "x.pt",
        lambda: torch_file(changed(**{"0_weight": torch.zeros(4, 3, 5, 5)})),
        r"\(4, 3, 5, 5\), where \(4, 3, 3, 3\)",
    ),
    "W15 NaN": ("x.pt", lambda: torch_file(changed(**{"4_bias": torch.full((3,), torch.nan)})), "not finite"),
    "W16 int8": ("x.pt", lambda: torch_file(changed(**{"4_bias": torch.zeros(3, dtype=torch.int8)})), "torch.int8"),
    "W16 complex": ("x.pt", lambda: torch_file(changed(**{"4_bias": torch.zeros(3) * 1j})), "plain floats"),
    "no mapping": ("x.pt", lambda: torch_file([torch.zeros(3)]), "holds a list"),
    "no tensors": ("x.pt", lambda: torch_file({"0.weight": "text"}), "is a str"),
    "empty": ("x.pt", lambda: b"", "no file of weights"),
}


@pytest.mark.filterwarnings("ignore:Validating sparse tensor")
@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_file_is_a_sentence_and_takes_no_memory(case: str, tmp_path: Path) -> None:
    name, content, words = HOSTILE[case]
    (tmp_path / name).write_bytes(content())
    module = small()
    before = {key: tensor.clone() for key, tensor in module.state_dict().items()}
    tracemalloc.start()
    with pytest.raises(MirrorError, match=words) as caught:
        weights_file.load_into(module, tmp_path / name)
    assert tracemalloc.get_traced_memory()[1] < 50 * 2**20
    tracemalloc.stop()
    assert "\n" not in str(caught.value)
    assert all(torch.equal(before[key], tensor) for key, tensor in module.state_dict().items())
    assert not Path("/tmp/pwned").exists()


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
def test_other_floats_are_taken_in_the_models_own_precision(dtype: torch.dtype, tmp_path: Path) -> None:
    state = {name: tensor.to(dtype) for name, tensor in small().state_dict().items()}
    torch.save({"state_dict": state}, tmp_path / "x.pt")
    module = small()
    weights_file.load_into(module, tmp_path / "x.pt")
    assert {parameter.dtype for parameter in module.parameters()} == {torch.float32}


def test_w17_weights_saved_on_a_gpu_load_on_the_cpu(tmp_path: Path) -> None:
    content = torch_file(small().state_dict())
    with zipfile.ZipFile(io.BytesIO(content)) as opened:
        members = {name: opened.read(name) for name in opened.namelist()}
    moved = {
        name: data.replace(b"X\x03\x00\x00\x00cpu", b"X\x06\x00\x00\x00cuda:0") if name.endswith("data.pkl") else data
        for name, data in members.items()
    }
    assert moved != members
    (tmp_path / "x.pt").write_bytes(archive(moved))
    weights_file.load_into(small(), tmp_path / "x.pt")


def test_w18_a_path_out_of_the_archive_writes_nothing(tmp_path: Path) -> None:
    content = torch_file(small().state_dict())
    with zipfile.ZipFile(io.BytesIO(content)) as opened:
        members = {name: opened.read(name) for name in opened.namelist()}
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "x.pt").write_bytes(archive({**members, "../escaped": b"here"}))
    with pytest.raises(MirrorError, match="damaged"):
        weights_file.load_into(small(), inside / "x.pt")
    assert not list(tmp_path.rglob("escaped"))
