"""Every example runs: the scripts as a person starts them, the notebooks in a real Jupyter kernel."""

import os
import re
import shlex
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from PIL import Image

from mirror_app.cli import main
from tests import ROOT

pytestmark = pytest.mark.minutes

EXAMPLES = ROOT / "examples"
LIVE = {
    **os.environ,
    "PYTHONPATH": str(ROOT),
    "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    "BROWSER": "true",  # a program that does nothing
    "PYTHONUNBUFFERED": "1",
}


@pytest.mark.parametrize("name", ["show.py", "own.py"])
def test_a_script_shows_its_page_until_ctrl_c(name: str, tmp_path: Path) -> None:
    script = subprocess.Popen(
        [sys.executable, str(EXAMPLES / name)], env=LIVE, cwd=tmp_path, stdout=subprocess.PIPE, text=True
    )
    assert script.stdout
    address = re.fullmatch(r"Mirror at (http://\S+)\n", script.stdout.readline())
    assert address
    with urllib.request.urlopen(address[1]) as answer:
        assert answer.status == 200
    script.send_signal(signal.SIGINT)
    assert script.communicate(timeout=20)[0] == "Stopped.\n"
    assert script.returncode == 0


def test_tensors_come_out_as_they_are_told(tmp_path: Path) -> None:
    command = [sys.executable, str(EXAMPLES / "tensors.py")]
    said = subprocess.run(command, env=LIVE, cwd=tmp_path, check=True, capture_output=True, text=True).stdout
    assert "Grad-CAM: (1, 3, 128, 128) for checked heart from (1, 16, 16)" in said
    with Image.open(tmp_path / "maps.png") as sheet:
        assert sheet.width == 8 * sheet.height / (-(-int(re.findall(r"maps: (\d+)", said)[0]) // 8))


def test_the_command_line_does_what_its_example_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    script = (EXAMPLES / "command_line.sh").read_text(encoding="utf-8")
    commands = [shlex.split(line) for line in script.splitlines() if line and not line.startswith(("#", "set"))]
    for name, *words in commands:
        assert name == "mirror"
        assert main(words) == 0  # not a process each: every one imports PyTorch
    assert {path.name for path in tmp_path.iterdir()} == {"heat.png", "maps.png", "raw.npy", "dream.gif"}


@pytest.mark.parametrize("name", sorted(path.name for path in EXAMPLES.glob("*.ipynb")))
def test_a_notebook_runs_in_a_real_kernel(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import nbformat
    from nbclient import NotebookClient

    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    notebook = nbformat.read(EXAMPLES / name, as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells)  # kept clean
    NotebookClient(notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": tmp_path}}).execute()
    given = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    kinds = {kind for output in given for kind in output.get("data", {})}
    if name == "tensors.ipynb":
        assert "image/png" in kinds
    else:
        frames = [output["data"]["text/html"] for output in given if "text/html" in output.get("data", {})]
        assert [re.match(r'<iframe src="http://127\.0\.0\.1:\d+/\?model=', frame) is not None for frame in frames] == [
            True
        ]
