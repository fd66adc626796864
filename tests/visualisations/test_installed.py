"""Visualisations of other packages: real ones, built and installed, with those that cannot be loaded left out."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests import ROOT

pytestmark = pytest.mark.minutes

TROUBLES = {
    "pyproject.toml": """
        [build-system]
        requires = ["hatchling"]
        build-backend = "hatchling.build"
        [project]
        name = "mirror-troubles"
        version = "2.5"
        [project.entry-points."mirror_app.visualisations"]
        offered = "good:repeat"
        plain = "good:Mean"
        missing = "no_such_module:Any"
        broken = "broken:Any"
        ending = "ending:Any"
        nameless = "good:NoSuchName"
        undecorated = "good:plain_function"
        ours = "clash:Rise"
        theirs = "clash:Energy"
        [tool.hatch.build.targets.wheel]
        include = ["*.py"]
        """,
    "good.py": """
        from mirror_app import render
        from mirror_app.visualisations.core import Attribution, Visualisation
        from mirror_app.visualisations.web import offer

        @offer("Repeat")
        def repeat(model, inputs, layer):
            return inputs.repeat(2, 1, 1, 1), {}

        class Mean(Visualisation):
            '''The mean of a layer.'''
            look = staticmethod(render.heat)
            def attribute(self, inputs, layer):
                yield Attribution(self.view.capture(inputs, layer).mean(1))

        def plain_function(model, inputs, layer):
            return inputs, {}
        """,
    "broken.py": "import math\n\nmath.sqrt(-1)\n",
    "ending.py": "raise SystemExit('usage: ending')\n",
    "clash.py": """
        from mirror_app import render
        from mirror_app.visualisations.core import Visualisation

        class Rise(Visualisation):
            look = staticmethod(render.heat)

        class Energy(Visualisation):
            look = staticmethod(render.heat)
        """,
}
REASONS = {
    "missing": "ModuleNotFoundError: No module named 'no_such_module'.",
    "broken": "ValueError: math domain error (broken.py, line 3)",
    "ending": "SystemExit: usage: ending (ending.py, line 1)",
    "nameless": "has no attribute 'NoSuchName'",
    "undecorated": "plain_function is a plain function: decorate it with @offer",
    "ours": "'Rise' is taken twice: by mirror_app.visualisations.core.perturbation.rise.Rise and by clash.Rise",
    "theirs": "'Energy' is taken twice: by mirror_energy.Energy and by clash.Energy",
}


def documented() -> dict[str, str]:
    """The files of the package in docs/packages.md."""
    text = (ROOT / "docs" / "packages.md").read_text(encoding="utf-8")
    toml, python = (re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)[0] for language in ("toml", "python"))
    return {"pyproject.toml": toml, "mirror_energy.py": python}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with both packages, as pip installs them."""
    folder = tmp_path_factory.mktemp("packages")
    for name, files in (("energy", documented()), ("troubles", TROUBLES)):
        (folder / name).mkdir()
        for file, text in files.items():
            lines = text.strip("\n").splitlines()
            indent = len(lines[0]) - len(lines[0].lstrip())
            (folder / name / file).write_text("\n".join(line[indent:] for line in lines) + "\n", encoding="utf-8")
    install = [sys.executable, "-m", "pip", "install", "--no-deps", "--no-build-isolation", "--target"]
    subprocess.run(
        [*install, str(folder / "site"), str(folder / "energy"), str(folder / "troubles")],
        check=True,
        capture_output=True,
    )
    return folder / "site"


def python(site: Path, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join((str(site), str(ROOT)))
    command, env = [sys.executable, *arguments], {**os.environ, "PYTHONPATH": path}
    ended = subprocess.run(command, env=env, cwd=cwd, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    return ended


def test_they_are_listed_after_ours_and_each_that_is_left_out_has_its_warning(site: Path, tmp_path: Path) -> None:
    ended = python(site, "-m", "mirror_app", "list", cwd=tmp_path)
    names = [line.split()[0] for line in ended.stdout.splitlines()]
    assert names[-4:] == ["inverted-representation", "energy", "repeat", "mean"]
    warnings = ended.stderr.splitlines()
    assert len(warnings) == len(REASONS)
    for name, reason in REASONS.items():
        (line,) = [line for line in warnings if line.startswith(f"The visualisation '{name}'")]
        assert "mirror-troubles 2.5" in line
        assert reason in line


RENDERED = """
import numpy as np
from PIL import Image
from mirror_app.cli import main

assert main(["list", "energy"]) == 0
words = ["--visualisation", "energy", "--layer", "features.4", "--param", "levels=3"]
assert main(["render", *words, "--output", "energy.png"]) == 0
assert main(["render", *words, "--output", "energy.npy"]) == 0
raw, shades = np.load("energy.npy"), np.unique(np.asarray(Image.open("energy.png")))
assert (raw.ndim, raw.min() >= 0) == (3, True)
assert shades.tolist() == [0, 85, 170, 255]
"""


def test_the_command_line_describes_and_draws_one(site: Path, tmp_path: Path) -> None:
    out = python(site, "-c", RENDERED, cwd=tmp_path).stdout
    assert out.startswith("Energy: How strongly a layer responds at each location, over all its maps.\n")
    assert "When: For a first impression of a layer." in out
    assert "\npower=2.0\n" in out
    assert "\nlevels=4\n" in out


ON_THE_PAGE = r"""
from mirror_app import engine, examples, load
from tests.app import code, lives, page

test = page(visualisation="energy", layer="features.4", levels="3", power="3")
assert lives(test), test.exception
assert test.session_state.mirror.request.params == (("levels", 3), ("power", 3.0))
assert "Energy" in test.selectbox(key="visualisation").options
exec(code(test), {})  # the code that the page shows

request, model, picture = test.session_state.mirror.request, load("shapes"), examples()[0]
raw, model_input_rgb = engine.run(request, model, picture).raw, model.preprocessing.model_input_rgb(picture)
peak = engine.vmax(request, raw, model_input_rgb)
assert engine.legend(request, raw, peak).colours == ("#000000", "#555555", "#aaaaaa", "#ffffff")
choices = {"compare.visualisation": "energy", "compare.input": "checked-heart", "compare.scale": "one"}
compare = page("compare", visualisation="energy", layer="features.4", levels="3", power="3", **choices)
assert not compare.exception
assert any(f"**{peak:.3g}**" in caption.value for caption in compare.caption)  # the maximum of the shared scale

guide = page(to="guide", visualisation="energy")
assert not guide.exception
text = " ".join(element.value for element in guide.markdown).replace("\\", "")
assert "#### Energy How strongly a layer responds at each location" in text
assert "**When:** For a first impression of a layer." in text
guide.button(key="try energy").click().run()
assert guide.session_state.visualisation == "energy"
"""


def test_the_page_the_guide_links_and_code_have_it(site: Path, tmp_path: Path) -> None:
    log = python(site, "-c", ON_THE_PAGE, cwd=tmp_path).stderr
    assert log.count("is left out") == len(REASONS)  # once, not for each visitor
    assert (tmp_path / "energy.png").exists()
