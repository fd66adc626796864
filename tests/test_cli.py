"""The command line: the pixels of the page and the numbers of Python, one sentence for what goes wrong, a clean end."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import click
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from mirror_app import engine
from mirror_app.bundled.examples import examples
from mirror_app.cli import main
from mirror_app.cli import mirror as group
from mirror_app.cli.param_types import NameValue, OutputFile
from mirror_app.engine import PAGE, Result
from mirror_app.engine.request import Request
from mirror_app.models import catalogue
from mirror_app.params import as_text
from mirror_app.probe.output_kind import OutputKind
from mirror_app.ui import store
from mirror_app.visualisations import registry
from tests import ROOT
from tests.app import cheaply, page
from tests.images.test_colours import P3, profile
from tests.networks import ANYWHERE, quick

LAYER = "features.9.0"
LIVE = {**os.environ, "PYTHONPATH": str(ROOT)}


def spoken(entry: registry.Entry) -> list[str]:
    return [word for name, value in quick(entry).items() for word in ("--param", f"{name}={as_text(value)}")]


@pytest.mark.page
@pytest.mark.parametrize("entry", ANYWHERE, ids=lambda entry: entry.key)
def test_the_picture_is_the_pages_and_the_numbers_are_pythons(entry: registry.Entry, tmp_path: Path) -> None:
    said = ["render", "--layer", LAYER, "--visualisation", entry.key, *spoken(entry)]
    assert main([*said, "--output", str(tmp_path / "a.png")]) == 0
    assert main([*said, "--output", str(tmp_path / "a.npy")]) == 0

    test = page(layer=LAYER, visualisation=entry.key, **cheaply(entry))
    request: Request = test.session_state.mirror.request
    assert request == Request("shapes", examples()[0].id, LAYER, entry.key, entry.canonical(quick(entry)))
    selection = store.Selection.of(request, examples()[0])
    result: Result = store.result(selection, lambda _: None)  # what the page has just shown
    assert (tmp_path / "a.png").read_bytes() == store.sheet(selection, result.raw, 0, PAGE).png

    model = catalogue.load("shapes")
    space = model.preprocessing
    visualisation = entry.kind(model.module, mean=space.mean, std=space.std)
    _, info = visualisation(space.prepare(examples()[0]), LAYER, **quick(entry))
    assert np.array_equal(np.load(tmp_path / "a.npy"), info["raw"].numpy())


def test_a_file_a_class_and_a_look_are_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.fromarray(examples()[2].pixels).save(tmp_path / "ring.png")
    monkeypatch.chdir(tmp_path)
    words = ["--param", "show=map", "--target"]
    for name, target in (("named", "striped star"), ("numbered", "20"), ("likely", "")):
        given = [*words, target] if target else words[:2]
        assert main(["render", "--image", "ring.png", *given, "--output", f"{name}.png"]) == 0
    named, numbered, likely = (Path(f"{name}.png").read_bytes() for name in ("named", "numbered", "likely"))
    number = catalogue.load("shapes").classes.index("striped star")
    assert (named == numbered) == (number == 20)
    assert named != likely
    assert main(["render", "--image", examples()[2].name, *words[:2], "--output", "bundled.png"]) == 0
    assert Path("bundled.png").read_bytes() == likely


def test_what_was_done_to_the_colours_of_a_file_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image = Image.fromarray(examples()[2].pixels)
    for name, icc in (("plain.png", None), ("wide.png", profile(P3))):
        image.save(tmp_path / name, icc_profile=icc)
        assert main(["render", "--image", str(tmp_path / name), "--output", str(tmp_path / "a.png")]) == 0
        said = capsys.readouterr().err
        assert ("wide.png: its colour profile (sRGB built-in) was converted to sRGB" in said) == (icc is not None)


@pytest.mark.minutes
def test_what_the_numbers_are_is_said_as_in_a_link(tmp_path: Path) -> None:
    picture, model = examples()[0], catalogue.load("shapes")
    for kind in ("labels", "classes", ""):
        words = ["render", "--visualisation", "rise", "--param", "n=100", "--output", str(tmp_path / "raw.npy")]
        assert main(words + (["--output-kind", kind] if kind else [])) == 0
        request = Request("shapes", picture.id, "", "rise", (("n", 100),), kind)
        assert np.array_equal(np.load(tmp_path / "raw.npy"), engine.run(request, model, picture).raw)


def test_frames_become_a_film_that_ends_with_the_picture(tmp_path: Path) -> None:
    words = ["render", "--visualisation", "deep-dream", "--param", "steps=2", "--param", "octaves=2"]
    assert main([*words, "--output", str(tmp_path / "a.gif")]) == 0
    assert main([*words, "--output", str(tmp_path / "a.png")]) == 0
    with Image.open(tmp_path / "a.gif") as film, Image.open(tmp_path / "a.png") as picture:
        assert film.n_frames == 4  # type: ignore[attr-defined]
        film.seek(3)
        last = np.asarray(film.convert("RGB")).astype(int)
        assert np.abs(last - np.asarray(picture)).mean() < 8  # a GIF has 256 colours


def test_a_sheet_has_pages(tmp_path: Path) -> None:
    for number in ("1", "3"):
        words = ["render", "--visualisation", "activations", "--layer", LAYER, "--page", number]
        assert main([*words, "--output", str(tmp_path / f"{number}.png")]) == 0
    with Image.open(tmp_path / "3.png") as last, Image.open(tmp_path / "1.png") as first:
        assert (first.size, last.size) == ((8 * 16, 8 * 16), (8 * 16, 2 * 16))  # of 144 maps


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--model", "shaeps"], "Did you mean 'shapes'"),
        (["--visualisation", "grad-kam"], "Did you mean 'grad-cam'"),
        (["--layer", "features.99"], "no layer 'features.99'. Did you mean 'features.9"),
        (["--image", "missing.jpg"], "Cannot read the picture 'missing.jpg' (No such file or directory)"),
        (["--image", "checked-hart"], "Did you mean 'checked-heart'"),
        (["--image", __file__], "'test_cli.py' is not a picture in a supported format"),
        (["--param", "strength=loud"], "strength must be a number from 0 to 1, not 'loud'"),
        (["--param", "strenght=1"], "no parameter 'strenght'. Did you mean 'strength'"),
        (["--target", "99"], "No class 99: classes run from 0 to 31"),
        (["--target", "checked hart"], "Unknown target 'checked hart'. Enter a class, its number, or a target such as"),
        (["--output-kind", "lables"], "output cannot be 'lables': it must be one of classes, labels"),
        (["--output-kind", "probabilities"], "'probabilities' does not fit: the model returns numbers from"),
        (["--output-kind", "embedding"], "returns an embedding, which has no top prediction"),
        (["--page", "2"], "There is no image 64: this request gives 1 image (number 0), 64 to a page."),
        (["--visualisation", "activations", "--layer", "pool"], "gives 144 numbers and no picture: write an .npy file"),
        (
            ["--output", "no/such/folder/a.png"],
            "Cannot write 'no/such/folder/a.png': there is no folder 'no/such/folder'",
        ),
        (["--output", "a.gif"], "Grad-CAM is computed in one step and has no frames"),
        (["--settings", "missing.toml"], "missing.toml' cannot be read"),
    ],
)
def test_what_cannot_be_done_is_one_sentence_and_exit_code_1(
    words: list[str], sentence: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["render", "--output", "a.png", *words]) == 1
    out, err = capsys.readouterr()
    assert sentence in err
    assert len(err.splitlines()) == 1
    assert out == ""
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "words",
    [
        ["paint"],
        ["render"],
        ["render", "--output", "a.jpg"],
        ["render", "--output", "a.png", "--param", "x"],
        ["render", "--output", "a.png", "--page", "one"],
        ["serve", "--port", "65536"],
    ],
)
def test_a_command_that_cannot_be_read_is_exit_code_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(words)
    assert end.value.code == 2
    out, err = capsys.readouterr()
    assert err.startswith("Usage:")
    assert out == ""


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        (NameValue(), "a=1", ("a", "1")),
        (NameValue(), "a=b=c", ("a", "b=c")),
        (NameValue(), "a=", ("a", "")),
        (NameValue(), ("a", "1"), ("a", "1")),
        (NameValue(), "a", None),
        (OutputFile(), "a.PNG", Path("a.PNG")),
        (OutputFile(), "folder.d/a.npy", Path("folder.d/a.npy")),
        (OutputFile(), Path("a.gif"), Path("a.gif")),
        (OutputFile(), "png", None),
        (OutputFile(), "a.png/b", None),
    ],
)
def test_a_type_takes_what_it_is_made_for(kind: click.ParamType[object], value: object, expected: object) -> None:
    if expected is None:
        with pytest.raises(click.BadParameter):
            kind.convert(value, None, None)
    else:
        assert kind.convert(value, None, None) == expected


def test_the_help_names_what_the_command_takes_when_nothing_is_said() -> None:
    """The defaults stand in the declarations as words: their modules would take seconds to import."""
    defaults = {option.name: option.default for option in group.commands["render"].params}
    assert defaults["model"] == catalogue.BUNDLED
    assert defaults["image"] == examples()[0].id
    assert defaults["visualisation"] == registry.get("Grad-CAM").key
    text = " ".join(CliRunner().invoke(group, ["render", "--help"]).output.split())
    assert f"output: {', '.join(OutputKind)}." in text
    assert f"each page has {PAGE} images" in text
    assert all(ending in text for ending in OutputFile.ENDINGS)


def test_help_does_not_wait_for_pytorch() -> None:
    script = (
        "import sys; from mirror_app.cli import main\n"
        "for command in ([], ['serve'], ['list'], ['models'], ['layers'], ['render']):\n"
        "    assert main([*command, '--help']) == 0\n"
        "assert not {'torch', 'streamlit'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", script], env=LIVE, check=True, capture_output=True)


def test_the_shell_can_complete_commands_and_options() -> None:
    for line, expected in (("mirror ", "render"), ("mirror render --vi", "--visualisation")):
        variables = {
            "_MIRROR_COMPLETE": "bash_complete",
            "COMP_WORDS": line,
            "COMP_CWORD": str(len(line.split(" ")) - 1),
        }
        completed = CliRunner().invoke(group, prog_name="mirror", env=variables)
        assert f"plain,{expected}" in completed.output.splitlines()


def test_what_there_is_can_be_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list"]) == 0
    listed = capsys.readouterr().out
    assert all(entry.key in listed and entry.summary in listed for entry in registry.entries())
    for entry in registry.entries():
        assert main(["list", entry.key]) == 0
        told = capsys.readouterr().out
        assert all(f"\n{name}=" in told and known.help in told for name, known in entry.params.items())
    assert main(["models"]) == 0
    assert set(catalogue.names()) <= {line.split()[0] for line in capsys.readouterr().out.splitlines() if line}
    assert main(["layers", "shapes"]) == 0
    assert "features.9.0  Conv2d               144 × 16 × 16" in capsys.readouterr().out


def test_the_owners_models_are_found_by_their_settings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MIRROR_SETTINGS", raising=False)
    settings = tmp_path / "mine.toml"
    settings.write_text('[mine]\nfactory = "torchvision.models:squeezenet1_1"\narguments = { num_classes = 5 }\n')
    assert main(["layers", "mine", "--settings", str(settings)]) == 0
    assert "classifier.1 Conv2d 5 × 13 × 13" in " ".join(capsys.readouterr().out.split())
    assert main(["render", "--model", "mine", "--settings", str(settings), "--output", str(tmp_path / "a.png")]) == 0
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.size == (224, 224)
    assert "mine" not in catalogue.names()  # the option is for the command alone, and for no other program
    assert "MIRROR_SETTINGS" not in os.environ


# `python -m mirror_app`, which says when a step of an ascent is made.
TELLS_OF_ITS_STEPS = """
import runpy
from mirror_app.optim import Ascent

run = Ascent.run

def told(*arguments):
    for step in run(*arguments):
        print("a step", flush=True)
        yield step

Ascent.run = told
runpy.run_module("mirror_app", run_name="__main__", alter_sys=True)
"""


@pytest.mark.minutes
def test_ctrl_c_ends_it_with_a_word_and_leaves_no_file(tmp_path: Path) -> None:
    words = ["render", "--visualisation", "deep-dream", "--param", "steps=100", "--param", "octaves=8"]
    output = ["--output", str(tmp_path / "a.gif")]
    running = subprocess.Popen(
        [sys.executable, "-c", TELLS_OF_ITS_STEPS, *words, *output],
        env=LIVE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert running.stdout is not None
    assert running.stdout.readline() == "a step\n"
    running.send_signal(signal.SIGINT)
    _, err = running.communicate(timeout=20)
    assert running.returncode == 130
    assert err == "Stopped.\n"
    assert not list(tmp_path.iterdir())


@pytest.mark.minutes
def test_a_reader_who_leaves_early_is_no_failure() -> None:
    shell = f"set -o pipefail; {sys.executable} -m mirror_app models | head -1"
    ended = subprocess.run(["bash", "-c", shell], env=LIVE, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout.split(), ended.stderr) == (0, ["shapes", "available"], "")
