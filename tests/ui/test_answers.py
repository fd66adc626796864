"""What can be pointed at in a model's answer: regions and boxes, each with the target that asks for it."""

import numpy as np
import pytest
import torch

from mirror_app import engine, targets
from mirror_app.bundled.examples import examples
from mirror_app.engine.request import Request
from mirror_app.models import Model, catalogue
from mirror_app.probe.outputs import boxes_of, regions_of
from tests.app import lives, page, provenance

SEGMENTS = "lraspp_mobilenet_v3_large-untrained"
DETECTS = "ssdlite320_mobilenet_v3_large-untrained"


def test_a_region_is_the_largest_logit_of_its_place_and_names_its_target() -> None:
    logits = torch.zeros(1, 3, 2, 2)
    logits[0, 2, 0, 1] = logits[0, 1, 1, 0] = 1
    logits[0, 2, 0, 1] += 1
    logits[0, 0, 1, 1] = 9  # the ground, of which nobody asks
    for output, entry, asked in ((logits, "", ":2@0,1"), ({"out": logits}, "out", ":out:2@0,1")):
        regions = regions_of(output)
        assert regions is not None
        assert regions.entry == entry
        assert regions.classes.tolist() == [[0, 2], [1, 0]]
        assert regions.target(0, 1) == asked
        assert regions.surest == (0, 1)
        assert str(targets.parse(asked)) == asked
        entries = f":{entry}:".replace("::", ":")
        assert regions.target_in((0, 1), (0, 1)) == f"{entries}0@0-1,0-1"  # the class that covers most of it
        assert regions.target_in((0, 0), (1, 1)) == f"{entries}2@0-0,1-1"
        assert regions.target_of_all(2) == f"{entries}2@predicted"
    assert regions_of(torch.zeros(1, 10)) is None
    assert regions_of({"boxes": torch.zeros(3, 4)}) is None


def test_a_box_is_asked_for_by_its_score() -> None:
    item = {"boxes": torch.tensor([[1.0, 2, 3, 4]]), "scores": torch.tensor([0.5]), "labels": torch.tensor([7])}
    (box,) = boxes_of([item])
    assert (box.target, box.label, box.score, box.corners) == (":scores:0", 7, 0.5, (1, 2, 3, 4))
    assert boxes_of(torch.zeros(1, 10)) == ()
    assert boxes_of([{"other": torch.zeros(1)}]) == ()


@pytest.fixture(scope="module", params=[SEGMENTS, DETECTS])
def model(request: pytest.FixtureRequest) -> Model:
    return catalogue.load(request.param)


def test_torchvisions_models_that_mark_places_say_what_and_where_and_why(model: Model) -> None:
    picture = examples()[0]
    said = engine.predict(model, picture)
    assert len(said.probabilities) == 0
    assert said.deviation == 0
    assert not model.classes
    assert len(model.labels) in (21, 91)
    if model.name == SEGMENTS:
        assert said.regions is not None
        assert said.regions.classes.shape == (520, 520)
        target = said.regions.target(260, 130)
    else:
        assert len(said.boxes) > 1
        assert all(0 <= box.corners[0] <= box.corners[2] <= 513 for box in said.boxes)
        target = said.boxes[0].target
    request = Request(model.name, picture.id, "", "back-prop", (("target_class", target),))
    assert np.abs(engine.run(request, model, picture).raw).max() > 0


@pytest.mark.parametrize(("name", "asked"), [(SEGMENTS, ":out:"), (DETECTS, ":scores:0")])
def test_the_first_picture_of_what_marks_places_needs_no_click(name: str, asked: str) -> None:
    test = page(model=name)
    assert lives(test)
    said = engine.predict(catalogue.load(name), examples()[0])
    assert said.most_confident_target is not None
    assert said.most_confident_target.startswith(asked)
    assert test.session_state.mirror.request.params == (("target_class", said.most_confident_target),)
    assert test.session_state.target_class is None  # so that another picture is asked for its own surest


def test_a_box_is_chosen_and_asked_about() -> None:
    test = page(model=DETECTS)
    assert not test.exception
    next(box for box in test.selectbox if box.label == "Box").set_value(1).run()
    next(button for button in test.button if button.label == "Explain box 1").click().run()
    assert not test.exception
    assert test.session_state.mirror.request.params == (("target_class", ":scores:1"),)
    assert provenance(test).target == targets.parse(":scores:1").description
