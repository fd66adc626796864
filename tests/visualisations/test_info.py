"""What a visualisation has to say is typed, and can be read as the dictionary that it was."""

import copy
import json
import pickle
from collections.abc import Iterator, Mapping
from dataclasses import FrozenInstanceError
from typing import Any

import pytest
import torch
from torch import Tensor

from mirror_app import engine, render
from mirror_app.bundled.examples import examples
from mirror_app.engine.request import Request
from mirror_app.export import package
from mirror_app.models import catalogue
from mirror_app.visualisations.core import Attribution, GradCam, Info, IntegratedGradients, LayerCam, Visualisation
from mirror_app.visualisations.core.info import joined
from tests.networks import Linear
from tests.odd_models.batches import NormOfTheBatch

PICTURES = torch.rand(2, 3, 8, 6, generator=torch.Generator().manual_seed(0))
FACTS: dict[str, Any] = {"target_class": [3], "note": "", "progress": 0.5, "mine": {"a": 1}}


def test_only_what_is_known_is_a_key() -> None:
    info = Info.of(FACTS)
    assert dict(info) == {**info} == FACTS
    assert list(info) == ["target_class", "progress", "note", "mine"]
    assert (len(info), "note" in info, "detail" in info) == (4, True, False)
    assert (info["note"], info.get("detail"), info.get("detail", "none")) == ("", None, "none")
    with pytest.raises(KeyError, match="detail"):
        info["detail"]
    assert not Info()


def test_what_is_an_attribute_and_what_is_beyond() -> None:
    info = Info.of(FACTS)
    assert (info.target_class, info.note, info.progress, info.detail) == ([3], "", 0.5, None)
    assert info.extra == {"mine": {"a": 1}}
    assert Info.of(info) is info


def test_it_equals_a_dictionary_of_its_facts() -> None:
    assert Info.of(FACTS) == FACTS
    assert FACTS == Info.of(FACTS) == Info.of(dict(FACTS))
    assert Info.of(FACTS) != {**FACTS, "note": "!"}


def test_facts_are_added_to_a_new_one() -> None:
    info = Info(note="old", progress=0.5)
    more = info | Info(note="new") | {"mine": 1}
    assert more == {"note": "new", "progress": 0.5, "mine": 1}
    assert info == {"note": "old", "progress": 0.5}
    with pytest.raises(FrozenInstanceError):
        info.note = "new"  # type: ignore[misc]


def test_it_can_be_pickled_copied_and_read() -> None:
    info = Info.of({**FACTS, "raw": torch.zeros(1, 7, 7)})
    for again in (pickle.loads(pickle.dumps(info)), copy.deepcopy(info)):
        assert isinstance(again, Info)
        assert torch.equal(again["raw"], info["raw"])
        assert {**again, "raw": 0} == {**info, "raw": 0}
    assert repr(info) == "Info(target_class=[3], progress=0.5, note='', raw=Tensor(1, 7, 7), mine={'a': 1})"


class Speaking(Visualisation):
    """Says what it has to say in a dictionary."""

    look = render.heat
    facts: Mapping[str, Any] = {"note": "Mine.", "temperature": 2.0, "share": [0.5]}

    def attribute(self, inputs: Tensor, layer: str) -> Iterator[Attribution]:
        yield Attribution(self.view.capture(inputs, layer).mean(1), self.facts)


def test_a_dictionary_of_ones_own_becomes_an_info() -> None:
    info = Speaking(Linear())(PICTURES, "maps")[1]
    assert isinstance(info, Info)
    assert (info.method, info.layer, info.params, info.note) == ("Speaking", "maps", {}, "Mine.")
    assert (info["temperature"], info.extra["share"], info.untouched) == (2.0, [0.5], True)
    assert info.raw is info["raw"]
    assert "prediction" not in info


def test_a_call_says_what_there_is_for_each_picture() -> None:
    info = GradCam(Linear())(PICTURES, "maps", target_class=1)[1]
    assert (info.target_class, info.output, info.target) == ([1, 1], "classes", None)
    assert info.prediction == Linear()(PICTURES).argmax(1).tolist()
    assert info["cam"].shape == (2, 8, 6)
    unclassed = GradCam(Linear())(PICTURES, "maps", target_class="maps:2")[1]
    assert unclassed.target is not None
    assert "target_class" not in unclassed
    assert "prediction" not in unclassed


def test_the_facts_of_pictures_run_alone_are_put_together() -> None:
    both = joined(
        [
            Info(target_class=[3], completeness=[0.1], layers=["a"], curve=[1.0], note="One.", extra={"share": [1]}),
            Info(target_class=[4], completeness=[0.2], layers=["a"], curve=[2.0], note="", extra={"share": [2]}),
        ]
    )
    assert both == {
        "target_class": [3, 4], "completeness": [0.1, 0.2], "layers": ["a"], "curve": [2.0], "note": "One.",
        "share": [1, 2],
    }  # fmt: skip


def test_pictures_run_alone_say_as_much_as_together() -> None:
    info = IntegratedGradients(NormOfTheBatch().eval())(PICTURES, None, steps=4, target_class=1)[1]
    assert info.target_class == [1, 1]
    assert len(info.completeness or ()) == 2


def test_one_stage_of_pictures_run_alone_is_one_map_for_each() -> None:
    images, info = LayerCam(NormOfTheBatch().eval())(PICTURES, "*", target_class=1)
    assert len(images) == len(info["raw"]) == len(PICTURES) * len(info.layers or ())


def test_a_result_has_an_info_and_its_package_the_facts() -> None:
    model, picture = catalogue.load("shapes"), examples()[0]
    request = Request("shapes", picture.id, "features", "grad-cam", (("target_class", 3),))
    result = engine.run(request, model, picture)
    assert isinstance(result.info, Info)
    assert (result.info.method, result.info.target_class, result.info.output) == ("GradCam", [3], "classes")
    again = pickle.loads(pickle.dumps(result))
    assert again.info == result.info
    record = package.record_json(request, result.info | {"target_name": "a heart"})
    assert json.loads(record)["info"] == {
        "method": "GradCam", "layer": "features", "target_class": [3], "output": "classes", "note": result.info["note"],
        "target_name": "a heart",
    }  # fmt: skip
