"""The sentence of an error is composed of what is wrong and of what to do instead."""

import copy
import pickle
from collections.abc import Callable

import pytest
import torch

from mirror_app import layers
from mirror_app.errors import MirrorError, nearest
from mirror_app.images import decode
from mirror_app.models import catalogue
from mirror_app.visualisations.core import GradCam, Kernels
from tests.networks import Linear, resnet18

PICTURE = torch.zeros(1, 3, 64, 64)
LOOKS = ("heat", "tiles")


@pytest.mark.parametrize(
    ("error", "hint", "sentence"),
    [
        (MirrorError("The file is empty."), "", "The file is empty."),
        (
            MirrorError("No layer has a map", hint="use Occlusion"),
            "use Occlusion",
            "No layer has a map: use Occlusion.",
        ),
        (MirrorError("The file is torn.", hint="Try again."), "Try again.", "The file is torn. Try again."),
        (
            MirrorError("There is no look 'haet'.", culprit="haet", accepted=LOOKS),
            "Did you mean 'heat'?",
            "There is no look 'haet'. Did you mean 'heat'?",
        ),
        (MirrorError("There is no look 'xyz'.", culprit="xyz", accepted=LOOKS), "", "There is no look 'xyz'."),
        (
            MirrorError("There is no look 'haet'.", culprit="haet", accepted=LOOKS, hint="Use heat or tiles."),
            "Use heat or tiles.",
            "There is no look 'haet'. Use heat or tiles.",
        ),
        (
            MirrorError("sigma must be a number, not 'heat'.", culprit="heat", accepted="a number"),
            "",
            "sigma must be a number, not 'heat'.",
        ),
    ],
    ids="problem advice two-sentences nearest none-near own-hint phrase".split(),
)
def test_a_problem_and_a_hint_make_one_sentence_or_two(error: MirrorError, hint: str, sentence: str) -> None:
    assert error.hint == hint
    assert str(error) == sentence


def test_a_prefix_comes_before_the_problem_and_the_fields_stay() -> None:
    error = MirrorError("output cannot be 'lables'.", culprit="lables", accepted=("labels", "numbers"))
    named = error.prefixed("[mine] in 'mirror.toml': ")
    assert str(named) == "[mine] in 'mirror.toml': output cannot be 'lables'. Did you mean 'labels'?"
    assert (named.culprit, named.accepted, named.hint) == (error.culprit, error.accepted, error.hint)


def test_an_error_that_was_copied_to_another_process_is_the_same() -> None:
    error = MirrorError("There is no look 'haet'.", culprit="haet", accepted=dict.fromkeys(LOOKS).keys())
    for other in (copy.copy(error), pickle.loads(pickle.dumps(error))):
        assert str(other) == str(error)
        assert vars(other) == vars(error)


def test_the_nearest_name_is_suggested_and_only_if_it_is_near() -> None:
    assert nearest("Layer4", ["layer1", "layer4"]) == " Did you mean 'layer4'?"
    assert nearest("zebra", ["layer1", "layer4"]) == ""


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: layers.find(Linear(), "map"), "The model has no layer 'map'. Did you mean 'maps'?"),
        (lambda: catalogue.load("shape"), "There is no model 'shape'. Did you mean 'shapes'?"),
        (
            lambda: GradCam(resnet18())(PICTURE, "fc"),
            "No spatial map was found in the output of layer 'fc' (10): try 'layer4'.",
        ),
        (
            lambda: Kernels(resnet18())(PICTURE, "fc"),
            "Kernels needs a convolution, and there is none in 'fc' (Linear): try 'layer4.1.conv2'.",
        ),
        (
            lambda: GradCam(resnet18())(PICTURE, None, strength=2),
            "strength must be a number from 0 to 1, not 2.",
        ),
        (
            lambda: GradCam(resnet18())(PICTURE, None, show="heat mpa"),
            "show must be over the picture, heat map or map, not 'heat mpa'. Did you mean 'heat map'?",
        ),
        (
            lambda: GradCam(resnet18())(PICTURE, None, target_class=10),
            "No class 10: classes run from 0 to 9.",
        ),
        (
            lambda: decode(b"", "x.png"),
            "'x.png' is empty: use PNG, JPEG, WEBP, BMP or GIF, up to 10 MB and 25 million pixels.",
        ),
    ],
)
def test_what_users_read(call: Callable[[], object], sentence: str) -> None:
    with pytest.raises(MirrorError) as caught:
        call()
    assert str(caught.value) == sentence
