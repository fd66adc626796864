"""What the documents show works."""

import dataclasses
import re
import shlex
from collections.abc import Iterator
from typing import Annotated, Any

import torch
from torch import Tensor

from mirror_app import cli, render
from mirror_app.params import Slider
from mirror_app.settings.limits import PROFILES
from mirror_app.ui.guide import sections
from mirror_app.visualisations import registry
from mirror_app.visualisations.core import Attribution, Info, Visualisation
from mirror_app.visualisations.registry import visualisation
from tests import ROOT, gallery
from tests.networks import resnet18

PICTURES = torch.rand(1, 3, 224, 224, generator=torch.Generator().manual_seed(0))


def code(document: str, number: int = 0) -> str:
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / document).read_text(encoding="utf-8"), re.DOTALL)
    return str(blocks[number])


def test_the_limits_in_the_documents_are_those_of_the_profiles() -> None:
    text = (ROOT / "docs" / "hosting.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| (\d+) \| (\d+) \|", text, re.MULTILINE)
    own, hosted = (dataclasses.asdict(PROFILES[name]) for name in ("own", "hosted"))
    assert {name: (int(first), int(second)) for name, first, second in rows} == {
        name: (value, hosted[name]) for name, value in own.items()
    }


def test_a_visualisation_of_ten_lines_is_offered_and_works() -> None:
    names = {
        "Annotated": Annotated, "Attribution": Attribution, "Iterator": Iterator, "Slider": Slider, "Tensor": Tensor,
        "Visualisation": Visualisation, "render": render, "visualisation": visualisation, "__name__": __name__,
    }  # fmt: skip
    try:
        exec(code("CONTRIBUTING.md"), names)
        entry = registry.get("energy")
        assert list(entry.method_params) == ["power"]
        images, info = entry.kind(resnet18())(PICTURES, "layer2", power=1.0)
        assert images.shape == (1, 3, 224, 224)
        assert info["raw"].shape == (1, 28, 28)
    finally:
        registry._entries.pop("energy", None)


def test_the_look_in_contributing_works() -> None:
    names: dict[str, Any] = {"Tensor": Tensor, "render": render, "__name__": __name__}
    exec(code("CONTRIBUTING.md", 1), names)
    raw, grey = torch.tensor([[[0.0, 4.0]]]), names["grey"]
    assert grey(raw, PICTURES)[0, 0].tolist() == [[0.0, 1.0]]
    assert render.legend(grey, raw.shape, render.vmax(grey, raw, PICTURES)).high == 4  # type: ignore[union-attr]
    assert grey.is_evidence


def test_the_readmes_example_gives_what_it_says() -> None:
    lines = code("README.md").splitlines()
    start = next(number for number, line in enumerate(lines) if "GradCam(model)" in line)
    names: dict[str, object] = {"model": resnet18(), "inputs": PICTURES}
    exec("\n".join([*(line for line in lines if "from mirror_app" in line), lines[start]]), names)
    images, info = names["images"], names["info"]
    assert isinstance(images, Tensor)
    assert isinstance(info, Info)
    assert images.shape == (1, 3, 224, 224)
    assert info["raw"].shape == (1, 7, 7)


def test_every_file_that_a_document_points_to_is_there() -> None:
    for document in ("README.md", "CONTRIBUTING.md"):
        text = (ROOT / document).read_text(encoding="utf-8")
        for path in re.findall(r"\]\(((?!http)[^)#]+)\)", text):
            assert (ROOT / path).exists(), path


def test_the_readme_shows_every_visualisation_with_its_picture() -> None:
    assert gallery.table() in gallery.README.read_text(encoding="utf-8")
    assert {gallery.path(entry) for entry in registry.entries()} == set(sections.PICTURES.iterdir())


def test_the_readmes_own_visualisation_works() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (block,) = [found for found in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if "@offer" in found]
    assert block.strip().partition("\n\n\n")[2] in sections.CUSTOM_EXAMPLE
    names: dict[str, Any] = {"__name__": __name__, "inputs": None, "model": None}
    exec(sections.CUSTOM_EXAMPLE.partition("\nmirror(")[0], names)
    images, _ = names["repeat"].kind(resnet18())(PICTURES, None, times=3)
    assert torch.equal(images, PICTURES.repeat(3, 1, 1, 1))


def test_the_readmes_commands_are_understood() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8").replace("\\\n", "")
    shell = "".join(re.findall(r"```sh\n(.*?)```", text, re.DOTALL))
    said = [shlex.split(line, comments=True)[1:] for line in shell.splitlines() if line.startswith("mirror ")]
    assert len(said) == 7
    for name, *words in filter(None, said):
        cli.mirror.commands[name].make_context(name, words)
