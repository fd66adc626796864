"""The owner's models: what a settings file may say, and hostile files of weights (W1 to W18 of the bad inputs)."""

import io
import json
import os
import pickle
import re
import struct
import subprocess
import sys
import tempfile
import textwrap
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
from mirror_app.engine.request import Request
from mirror_app.images import from_array
from mirror_app.models import catalogue, weights
from mirror_app.probe.output_kind import OutputKind, OutputMeaning
from mirror_app.settings.user_models import UserModelSettings
from tests import ROOT
from tests.app import lives, page
from tests.refused import Fields, refused

NETS = """
from torch import nn

def small(classes=3):
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, classes))

def broken():
    raise RuntimeError("no such thing")

def number():
    return 5

def maps():
    return nn.Conv2d(3, 4, 3)

def silent():
    raise ValueError
"""


def small() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3))


LABEL = "[a] in 'mirror.toml'"
FACTORY = "[a]\nfactory = 'owners_nets:small'\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a module of networks, weights in both formats and a settings file that can be written."""
    (tmp_path / "owners_nets.py").write_text(NETS)
    (tmp_path / "no_python.py").write_text("def x(:")
    save_file(small().state_dict(), tmp_path / "small.safetensors")
    torch.save(small().state_dict(), tmp_path / "small.pt")
    monkeypatch.setenv("MIRROR_SETTINGS", str(tmp_path / "mirror.toml"))
    return tmp_path


def say(folder: Path, settings: str) -> None:
    (folder / "mirror.toml").write_text(textwrap.dedent(settings), encoding="utf-8")


@pytest.mark.parametrize("file", ["small.safetensors", "small.pt"])
def test_a_model_of_the_owner_gives_the_picture_that_its_weights_give(folder: Path, file: str) -> None:
    say(
        folder,
        f"""
        [flowers]
        factory = "owners_nets:small"
        arguments = {{ classes = 3 }}
        weights = "{file}"
        classes = ["daisy", "rose", "tulip"]
        size = 32
        resize = 40
        mean = [0.5, 0.5, 0.5]
        std = [0.5, 0.5, 0.5]
        """,
    )
    assert catalogue.names()[:3] == ("shapes", "shapes-transformer", "flowers")
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
    assert all(re.search(rf"^{key} = ", example, re.MULTILINE) for key in UserModelSettings.__dataclass_fields__)


def test_class_names_from_a_file_and_none_at_all(folder: Path) -> None:
    (folder / "names.txt").write_text("Gänseblümchen\nrose\ntulip\n", encoding="utf-8")
    say(
        folder, '[flowers]\nfactory = "owners_nets:small"\nclasses = "names.txt"\n[bare]\nfactory = "owners_nets:small"'
    )
    assert catalogue.load("flowers").classes == ("Gänseblümchen", "rose", "tulip")
    assert catalogue.load("bare").classes == ("class 0", "class 1", "class 2")
    assert catalogue.load("bare").untrained


@pytest.mark.parametrize(
    ("count", "output", "expected", "name"),
    [
        (3, "labels", OutputMeaning(OutputKind.LABELS), "label 0"),
        (1, "labels", OutputMeaning(OutputKind.LABELS), "label 0"),
        (1, "numbers", OutputMeaning(OutputKind.NUMBERS), "number 0"),
        (3, "embedding", OutputMeaning(OutputKind.EMBEDDING), "channel 0"),
        (3, "classes", OutputMeaning(OutputKind.CLASSES), "class 0"),
        (3, "", OutputMeaning(OutputKind.CLASSES, assumed=True), "class 0"),
        (1, "", OutputMeaning(OutputKind.NUMBERS, assumed=True), "number 0"),
    ],
)
def test_the_owner_says_what_the_numbers_are(
    folder: Path, count: int, output: str, expected: OutputMeaning, name: str
) -> None:
    line = f"output = '{output}'" if output else ""
    say(folder, FACTORY + f"arguments = {{ classes = {count} }}\n{line}")
    model = catalogue.load("a")
    assert model.output == expected
    assert model.name_of(0) == name
    picture = from_array(np.full((50, 60, 3), 90, np.uint8), "x")
    found = engine.predict(model, picture)
    assert found.meaning == expected
    with torch.no_grad():
        logits = model.module(model.inputs(picture))[0]
    values = {"class": logits.softmax(0), "label": logits.sigmoid()}.get(name.split()[0], logits)
    assert np.allclose(found.values, values, atol=1e-6)


def test_names_of_regions_are_those_of_what_is_marked(folder: Path) -> None:
    say(folder, "[a]\nfactory = 'owners_nets:maps'\noutput = 'regions'\nclasses = ['a', 'b', 'c', 'd']")
    model = catalogue.load("a")
    assert (model.classes, model.labels) == ((), ("a", "b", "c", "d"))


@pytest.mark.parametrize(
    ("settings", "fields"),
    [
        ("[a", {"culprit": "mirror.toml", "problem": "TOML"}),
        ("a = 5", {"culprit": LABEL, "accepted": "a table"}),
        ("[a]", {"culprit": LABEL, "accepted": '"module:function"'}),
        (FACTORY + 'wieghts = "x"', {"culprit": "wieghts", "accepted": ["weights", "size"], "hint": "'weights'"}),
        (FACTORY + 'size = "big"', {"culprit": "big", "accepted": "a whole number up to 4096"}),
        (FACTORY + "size = 10000000", {"culprit": "10000000", "accepted": "a whole number up to 4096"}),
        (FACTORY + "size = true", {"culprit": "True", "accepted": "a whole number up to 4096"}),
        (FACTORY + "size = [3]", {"culprit": "[3]", "accepted": "[height, width]"}),
        (FACTORY + "resize = 100", {"culprit": "100", "accepted": "224 or more"}),
        (
            FACTORY + "mean = [0.5]",
            {"culprit": "mean (0.5,) and std (0.229, 0.224, 0.225)", "accepted": "one value", "problem": LABEL},
        ),
        (FACTORY + "mean = [nan, 0, 0]", {"culprit": "[nan, 0, 0]", "accepted": "a list of numbers"}),
        (FACTORY + "mean = [0, 0]\nstd = [1, 1]", {"culprit": "(0, 0)", "accepted": "3 or 4", "hint": "mirror()"}),
        (FACTORY + "std = [1, 1, 0]", {"culprit": "[1, 1, 0]", "accepted": "numbers above 0"}),
        (
            FACTORY + 'interpolation = "cubic"',
            {"culprit": "cubic", "accepted": ["bilinear", "nearest"], "hint": "'bicubic'"},
        ),
        (FACTORY + "arguments = { depth = 3 }", {"culprit": "owners_nets:small", "problem": "raised TypeError"}),
        ("[a]\nfactory = 'owners_nets'", {"culprit": "owners_nets", "accepted": '"module:function"'}),
        ("[a]\nfactory = 'owners_nets:smal'", {"culprit": "owners_nets:smal", "problem": "AttributeError"}),
        ("[a]\nfactory = 'no_such_module:x'", {"culprit": "no_such_module:x", "problem": "ModuleNotFoundError"}),
        ("[a]\nfactory = 'no_python:x'", {"culprit": "no_python:x", "problem": "SyntaxError"}),
        ("[a]\nfactory = 'owners_nets:broken'", {"culprit": "owners_nets:broken", "problem": "RuntimeError: no such"}),
        ("[a]\nfactory = 'owners_nets:silent'", {"culprit": "owners_nets:silent", "problem": "raised ValueError"}),
        ("[a]\nfactory = 'owners_nets:number'", {"culprit": "int", "accepted": "an nn.Module"}),
        (FACTORY + 'output = "lables"', {"culprit": "lables", "accepted": ["labels", "boxes"], "hint": "'labels'"}),
        (FACTORY + "output = 5", {"culprit": "5", "accepted": ["classes"]}),
        (
            FACTORY + 'output = "boxes"',
            {"culprit": "boxes", "accepted": "boxes, scores and labels", "problem": LABEL},
        ),
        (
            FACTORY + "arguments = { classes = 1 }\noutput = 'classes'",
            {"culprit": "classes", "accepted": ["labels", "numbers"], "hint": "'labels'", "problem": LABEL},
        ),
        (FACTORY + 'classes = ["one"]', {"culprit": "classes", "accepted": "3 names", "problem": LABEL}),
        (FACTORY + 'classes = "gone.txt"', {"culprit": "gone.txt"}),
        (FACTORY + 'weights = "gone.pt"', {"problem": "gone.pt' does not exist"}),
        (FACTORY + "mean = [0.5]\nstd = [0.5]", {"culprit": LABEL, "problem": "RuntimeError"}),
        (FACTORY + "[shapes]\nfactory = 'x:y'", {"culprit": "shapes", "hint": "choose another"}),
        (FACTORY + "[resnet18]\nfactory = 'x:y'", {"culprit": "resnet18", "hint": "choose another"}),
        (
            FACTORY + "[resnet18-untrained]\nfactory = 'x:y'",
            {"culprit": "resnet18-untrained", "hint": "choose another"},
        ),
    ],
)
def test_a_mistake_in_the_settings_is_named(folder: Path, settings: str, fields: Fields) -> None:
    say(folder, settings)
    with refused(**fields):
        catalogue.load("a")


def test_a_size_may_be_height_and_width_and_is_cut_from_what_just_holds_it(folder: Path) -> None:
    say(folder, FACTORY + "size = [40, 60]")
    preprocessing = catalogue.load("a").preprocessing
    assert (preprocessing.size, preprocessing.resize) == ((40, 60), 60)
    assert preprocessing.prepare(from_array(np.zeros((9, 9, 3), np.uint8), "x")).shape == (1, 3, 40, 60)


@pytest.mark.page
def test_the_page_offers_the_models_of_the_settings_that_its_command_line_names(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    say(folder, FACTORY + "size = 32")
    monkeypatch.setenv("MIRROR_SETTINGS", "")
    monkeypatch.setattr(sys, "argv", ["main.py", "--settings", str(folder / "mirror.toml")])
    test = page(model="a")
    assert lives(test)
    assert not test.error
    say(folder, FACTORY + "sise = 32")
    (box,) = test.run().error
    assert all(name in box.value for name in ("sise", "size"))
    monkeypatch.setattr(sys, "argv", ["main.py"])
    assert not page().error
    assert "a" not in catalogue.names()


def test_a_settings_file_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIRROR_SETTINGS", "gone.toml")
    with refused(culprit=str(Path("gone.toml").resolve())):
        catalogue.names()


RAN = Path(tempfile.gettempdir()) / f"mirror-ran-{os.getpid()}"  # what hostile code would leave behind
HUGE = b"J" + struct.pack("<i", 10**9)  # a thousand million, as a pickle says it


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


def replaced(content: bytes, program: bytes) -> bytes:
    """An archive of torch.save's with another pickle in it."""
    with zipfile.ZipFile(io.BytesIO(content)) as opened:
        members = {name: opened.read(name) for name in opened.namelist()}
    return archive({name: program if name.endswith("data.pkl") else data for name, data in members.items()})


def edited(content: bytes, old: bytes, new: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(content)) as opened:
        program = opened.read(next(name for name in opened.namelist() if name.endswith("data.pkl")))
    assert old in program
    return replaced(content, program.replace(old, new))


def doubled(content: bytes) -> bytes:
    """An archive whose pickle is there twice."""
    file = io.BytesIO(content)
    with zipfile.ZipFile(file, "a") as opened:
        name = next(name for name in opened.namelist() if name.endswith("data.pkl"))
        opened.writestr(name.upper(), opened.read(name))
    return file.getvalue()


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


HOSTILE: dict[str, tuple[str, Callable[[], bytes], Fields]] = {
    "W1 os.system": (
        "x.pt",
        lambda: torch_file({"0.weight": Runs(os.system, f"touch {RAN}")}),
        {"culprit": f"{os.name}.system", "accepted": "state dicts"},
    ),
    "W2 reduce": ("x.pt", lambda: torch_file(Runs(np.array, [1])), {"culprit": "numpy.array"}),
    "W2 bare pickle": (
        "x.pt",
        lambda: pickle.dumps(Runs(os.system, f"touch {RAN}")),
        {"culprit": "x.pt", "problem": "bare pickle"},
    ),
    "W3 keras": (
        "x.keras",
        lambda: archive({"config.json": b"{}", "model.weights.h5": b""}),
        {"culprit": "x.keras", "problem": "archive not written by torch"},
    ),
    "W3 h5": (
        "x.h5",
        lambda: b"\x89HDF\r\n\x1a\n" + bytes(99),
        {"culprit": "x.h5", "problem": "HDF5"},
    ),
    "W4 torchscript": ("x.pt", scripted, {"culprit": "x.pt", "problem": "TorchScript"}),
    "W5 onnx": (
        "x.onnx",
        lambda: b"\x08\x07\x12\x07pytorch" + bytes(99),
        {"culprit": "x.onnx", "problem": "ONNX"},
    ),
    "W6 whole module": (
        "x.pt",
        lambda: torch_file(small()),
        {"culprit": "x.pt", "accepted": "state dicts", "hint": "model.state_dict()"},
    ),
    "W7 deflated": (
        "x.pt",
        lambda: repacked(torch_file({"0.weight": torch.zeros(5 * 10**7)}), zipfile.ZIP_DEFLATED),
        {"culprit": "x.pt", "problem": "compressed"},
    ),
    "W8 stride 0": (
        "x.pt",
        lambda: torch_file({"0.weight": torch.zeros(1).expand(10**5, 10**5)}),
        {"culprit": "x.pt", "problem": "do not match"},
    ),
    "W9 sparse": (
        "x.pt",
        lambda: torch_file(changed(**{"0_weight": torch.eye(3).to_sparse()})),
        {"culprit": "torch.Size"},
    ),
    "W9 broken sparse": (
        "x.pt",
        lambda: edited(torch_file({"0.weight": torch.eye(30).to_sparse_csr()}), b"K\x1e", HUGE),
        {"culprit": "torch.Size"},
    ),
    "W10 legacy": (
        "x.pt",
        lambda: torch_file(torch.zeros(1000), _use_new_zipfile_serialization=False).replace(b"M\xe8\x03", HUGE),
        {"culprit": "x.pt", "problem": "before 1.6"},
    ),
    "W10 lie": (
        "x.pt",
        lambda: edited(torch_file({"0.weight": torch.zeros(1000)}), b"M\xe8\x03", HUGE),
        {"culprit": "x.pt", "problem": "damaged"},
    ),
    "W10 wide lie": (
        "x.pt",
        lambda: edited(torch_file({"0.weight": torch.zeros(1000)}), b"M\xe8\x03\x85", HUGE + b"\x85"),
        {"culprit": "x.pt", "problem": "damaged"},
    ),
    "a bomb without code": ("x.pt", lambda: torch_file(Runs(bytearray, 10**9)), {"culprit": "__builtin__.bytearray"}),
    "one behind another": (
        "x.pt",
        lambda: torch_file({}) + torch_file(small().state_dict()),
        {"culprit": "x.pt", "problem": "duplicate names"},
    ),
    "twice the same": (
        "x.pt",
        lambda: doubled(torch_file(small().state_dict())),
        {"culprit": "x.pt", "problem": "duplicate names"},
    ),
    "no numbers": (
        "x.pt",
        lambda: torch_file({"0.weight": torch.zeros(3, device="meta")}),
        {"culprit": "torch._utils._rebuild_meta_tensor_no_storage"},
    ),
    "endless": (
        "x.pt",
        lambda: replaced(torch_file({}), b"\x80\x02" + b"]" * 5_000_000 + b"."),
        {"culprit": "x.pt", "problem": "header larger"},
    ),
    "W11 truncated": (
        "x.pt",
        lambda: torch_file(small().state_dict())[:-300],
        {"culprit": "x.pt", "problem": "damaged"},
    ),
    "W12 long header": (
        "x.safetensors",
        lambda: struct.pack("<Q", 100 * 2**20) + b"{" * 100,
        {"culprit": "x.safetensors", "problem": "header larger"},
    ),
    "W12 many": (
        "x.safetensors",
        lambda: declaring({f"t{i}": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]} for i in range(10**5)}),
        {"culprit": "x.safetensors", "problem": "header larger"},
    ),
    "W12 no JSON": (
        "x.safetensors",
        lambda: declaring(b"\xff" * 64),
        {"culprit": "x.safetensors", "problem": "damaged"},
    ),
    "W12 offset outside": (
        "x.safetensors",
        lambda: declaring({"0.weight": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}}),
        {"culprit": "x.safetensors", "problem": "damaged"},
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
        {"culprit": "x.safetensors", "problem": "damaged"},
    ),
    "W13 wrong keys": (
        "x.pt",
        lambda: torch_file({"conv.weight": torch.zeros(1)}),
        {"culprit": "x.pt", "problem": "'0.weight', '0.bias', '4.weight' and 1 more; not in the model: 'conv.weight'"},
    ),
    "W13 DataParallel": (
        "x.pt",
        lambda: torch_file({f"module.{name}": tensor for name, tensor in small().state_dict().items()}),
        {"culprit": "x.pt", "hint": "model.module.state_dict()"},
    ),
    "W14 wrong shapes": (
        "x.pt",
        lambda: torch_file(changed(**{"0_weight": torch.zeros(4, 3, 5, 5)})),
        {"culprit": "x.pt", "problem": "'0.weight' has shape (4, 3, 5, 5), expected (4, 3, 3, 3)"},
    ),
    "W15 NaN": (
        "x.pt",
        lambda: torch_file(changed(**{"4_bias": torch.full((3,), torch.nan)})),
        {"culprit": "x.pt", "problem": "'4.bias' contains NaN"},
    ),
    "W16 int8": (
        "x.pt",
        lambda: torch_file(changed(**{"4_bias": torch.zeros(3, dtype=torch.int8)})),
        {"culprit": "x.pt", "problem": "'4.bias' is torch.int8"},
    ),
    "W16 complex": (
        "x.pt",
        lambda: torch_file(changed(**{"4_bias": torch.zeros(3) * 1j})),
        {"culprit": "4.bias", "accepted": "real numbers"},
    ),
    "no mapping": ("x.pt", lambda: torch_file([torch.zeros(3)]), {"culprit": "list", "accepted": "state dicts"}),
    "no tensors": ("x.pt", lambda: torch_file({"0.weight": "text"}), {"culprit": "0.weight", "accepted": "a tensor"}),
    "empty": ("x.pt", lambda: b"", {"culprit": "x.pt", "problem": "not a weights file"}),
}


@pytest.mark.filterwarnings("ignore:.*[Ss]parse")
@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_file_is_a_sentence_and_leaves_the_model_as_it_was(case: str, tmp_path: Path) -> None:
    name, content, fields = HOSTILE[case]
    (tmp_path / name).write_bytes(content())
    module = small()
    before = {key: tensor.clone() for key, tensor in module.state_dict().items()}
    with refused(**fields) as caught:
        weights.load_into(module, tmp_path / name)
    assert len(str(caught.value)) < 300
    assert all(torch.equal(before[key], tensor) for key, tensor in module.state_dict().items())
    assert not RAN.exists()


@pytest.mark.minutes
@pytest.mark.filterwarnings("ignore:.*[Ss]parse")
@pytest.mark.skipif(sys.platform != "linux", reason="the most memory that a process held is read from Linux")
def test_hostile_files_take_no_memory(tmp_path: Path) -> None:
    for number, (name, content, _) in enumerate(HOSTILE.values()):
        (tmp_path / f"{number}{name}").write_bytes(content())
    program = """
import re, sys
from pathlib import Path
from mirror_app.errors import MirrorError
from mirror_app.models import weights

def most():
    return int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])

before = most()
for file in Path(sys.argv[1]).iterdir():
    try:
        weights.read(file)
    except MirrorError:
        pass
print((most() - before) // 1024)
"""
    run = [sys.executable, "-W", "ignore", "-c", program, str(tmp_path)]
    found = subprocess.run(run, check=True, timeout=120, cwd=ROOT, capture_output=True, text=True)
    assert int(found.stdout) < 50  # MB


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
def test_other_floats_are_taken_in_the_models_own_precision(dtype: torch.dtype, tmp_path: Path) -> None:
    state = {name: tensor.to(dtype) for name, tensor in small().state_dict().items()}
    torch.save({"state_dict": state}, tmp_path / "x.pt")
    module = small()
    weights.load_into(module, tmp_path / "x.pt")
    assert {parameter.dtype for parameter in module.parameters()} == {torch.float32}


def test_w17_weights_saved_on_a_gpu_load_on_the_cpu(tmp_path: Path) -> None:
    moved = edited(torch_file(small().state_dict()), b"X\x03\x00\x00\x00cpu", b"X\x06\x00\x00\x00cuda:0")
    (tmp_path / "x.pt").write_bytes(moved)
    weights.load_into(small(), tmp_path / "x.pt")


def test_w18_a_path_out_of_the_archive_writes_nothing(tmp_path: Path) -> None:
    content = torch_file(small().state_dict())
    with zipfile.ZipFile(io.BytesIO(content)) as opened:
        members = {name: opened.read(name) for name in opened.namelist()}
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "x.pt").write_bytes(archive({**members, "../escaped": b"here"}))
    with refused(culprit="x.pt", problem="archive not written by torch"):
        weights.load_into(small(), inside / "x.pt")
    assert not list(tmp_path.rglob("escaped"))


@pytest.mark.parametrize(("saved", "named"), [("small.pt", "x.safetensors"), ("small.safetensors", "x.pt")])
def test_a_file_is_what_it_holds_whatever_its_name_ends_with(folder: Path, saved: str, named: str) -> None:
    (folder / saved).rename(folder / named)
    module = small()
    nn.init.zeros_(module.get_parameter("4.bias"))
    weights.load_into(module, folder / named)
    assert all(torch.equal(mine, theirs) for mine, theirs in zip(module.parameters(), small().parameters()))  # noqa: B905
