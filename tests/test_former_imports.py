"""Code that was written or downloaded before a module moved still runs."""

from importlib import import_module

import pytest

from mirror_app.former_imports import MOVED
from mirror_app.visualisations import core, web


@pytest.mark.parametrize("former", MOVED)
def test_a_module_is_found_under_its_former_name(former: str) -> None:
    assert import_module(former) is import_module(MOVED[former])


def test_code_downloaded_before_the_move_still_runs() -> None:
    names: dict[str, object] = {}
    exec(
        "from mirror_app import engine\n"
        "from mirror_app.files import still\n"
        "from mirror_app.models import catalogue, examples\n"
        "from mirror_app.models.examples import examples as pictures\n"
        "from mirror_app.request import Request\n"
        "model, picture = catalogue.load('shapes'), pictures()[0]\n"
        "request = Request('shapes', picture.id, 'features.4', 'grad-cam', ())\n"
        "raw = engine.run(request, model, picture).raw\n"
        "png = still(request, raw, model.preprocessing.as_seen(picture))\n",
        names,
    )
    assert bytes(names["png"])[1:4] == b"PNG"  # type: ignore[call-overload]


def test_the_former_names_of_visualisations_are_the_same_classes() -> None:
    assert core.Weights is core.Activations
    assert core.SaliencyMap is core.Gradient is web.SaliencyMap is web.BackProp
    assert core.Relevance is core.LRP
