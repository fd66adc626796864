"""What `mirror_app` itself offers: every name is there, is typed, hides no module, and costs nothing before its use."""

import ast
import pkgutil
import subprocess
import sys
from importlib import import_module
from typing import Any, assert_type

import numpy as np
import pytest
from torch import Tensor

import mirror_app
from mirror_app import (
    Attribution,
    GradCam,
    Model,
    Picture,
    Request,
    Result,
    Slider,
    Visualisation,
    engine,
    examples,
    layers,
    load,
    render,
    run,
    targets,
)
from mirror_app.former_imports import MOVED
from mirror_app.visualisations import core
from tests import ROOT


@pytest.mark.parametrize("name", mirror_app.__all__)
def test_each_name_is_that_of_its_module(name: str) -> None:
    named = getattr(mirror_app, name)
    assert named is getattr(import_module(mirror_app._MODULES[name]), name)
    assert name in dir(mirror_app)


def test_every_visualisation_is_there() -> None:
    former = {"Weights", "SaliencyMap", "Relevance"}
    assert set(core.__all__) - former - {"grid"} <= set(mirror_app.__all__)


def test_a_type_checker_knows_the_same_names() -> None:
    tree = ast.parse((ROOT / "mirror_app" / "__init__.py").read_text(encoding="utf-8"))
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    imported = [(node.module, alias) for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names]
    assert {alias.name: module for module, alias in imported} == mirror_app._MODULES
    assert all(alias.asname == alias.name for _, alias in imported)  # else the name is not exported


def test_no_name_hides_a_module() -> None:
    modules = {module.name for module in pkgutil.iter_modules(mirror_app.__path__)}
    former = {name.split(".")[1] for name in MOVED}
    assert not set(mirror_app.__all__) & (modules | former)
    assert {type(module).__name__ for module in (engine, layers, render, targets)} == {"module"}


def test_a_name_that_is_not_there() -> None:
    with pytest.raises(AttributeError, match="no attribute 'GradKam'"):
        mirror_app.GradKam  # type: ignore[attr-defined]  # noqa: B018
    with pytest.raises(ImportError, match="GradKam"):
        from mirror_app import GradKam  # type: ignore[attr-defined]  # noqa: F401


@pytest.mark.minutes
def test_the_import_costs_nothing() -> None:
    script = (
        "import sys, mirror_app\n"
        "from mirror_app import MirrorError\n"
        "dir(mirror_app), hasattr(mirror_app, 'nothing')\n"
        "assert not {'torch', 'streamlit', 'numpy', 'PIL'} & set(sys.modules)\n"
        "from mirror_app import GradCam, run\n"
        "assert 'streamlit' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_a_request_is_run_with_what_is_there() -> None:
    model, picture = load("shapes"), examples()[0]
    assert_type(model, Model)
    assert_type(picture, Picture)
    result = run(Request(model.name, picture.id, "features.4", "grad-cam"), model, picture)
    assert_type(result, Result)
    images, info = GradCam(model.module)(model.inputs(picture), "features.4")
    assert_type(images, Tensor)
    assert np.array_equal(result.raw, info["raw"].numpy())
    kinds: list[Any] = [Attribution, Slider, Visualisation]
    assert all(isinstance(kind, type) for kind in kinds)
