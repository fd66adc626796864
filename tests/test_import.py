"""Importing the library changes nothing for the program that does it."""

import subprocess
import sys

import pytest

LIBRARIES = "torch, torchvision, torchvision.models, streamlit, streamlit.web.server, numpy, PIL.Image, uvicorn"
MODULES = ("", ".images", ".visualisations.core", ".visualisations.web", ".live.launch", ".cli", ".live.server")


@pytest.mark.minutes
def test_the_warning_filters_of_the_process_stay_as_they_are() -> None:
    """What Mirror builds on is imported first: its own filters are its own."""
    script = (
        f"import importlib, warnings, {LIBRARIES}\n"
        "warnings.filterwarnings('once', message='mine')\n"
        "before = list(warnings.filters)\n"
        f"for name in {MODULES}:\n"
        "    importlib.import_module('mirror_app' + name)\n"
        "    added = [one for one in warnings.filters if one not in before]\n"
        "    assert warnings.filters == before, (name, added)\n"
    )
    subprocess.run([sys.executable, "-W", "default", "-c", script], check=True)
