"""Torchvision's models: their own preprocessing, a picture of twelve families, and real weights where they are."""

import csv
import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from PIL import Image
from torchvision.models import get_model_weights
from torchvision.transforms.functional import normalize

from benchmarks import grid
from mirror_app import engine, images, layers, render
from mirror_app.bundled.examples import examples
from mirror_app.engine.old_links import FORMER_DEFAULTS
from mirror_app.engine.request import Request
from mirror_app.images import Picture, Preprocessing, from_array
from mirror_app.models import Model, catalogue, torchvision_models
from mirror_app.visualisations import registry

PRETRAINED = os.environ.get("MIRROR_PRETRAINED", "")
FAMILIES = (
    "alexnet",
    "convnext_tiny",
    "densenet121",
    "efficientnet_b0",
    "googlenet",
    "mnasnet0_5",
    "mobilenet_v3_small",
    "regnet_y_400mf",
    "resnet18",
    "shufflenet_v2_x0_5",
    "squeezenet1_1",
    "vgg11_bn",
)
PHOTO = np.random.default_rng(0).integers(0, 255, (90, 120, 3)).astype(np.uint8)


def test_there_are_all_of_them_and_an_untrained_one_of_each() -> None:
    names = torchvision.models.list_models(module=torchvision.models)
    assert len(names) >= 80
    assert set(names) < set(catalogue.names())
    assert catalogue.check("resnet18-untrained") == "resnet18-untrained"


@pytest.mark.parametrize("name", torchvision_models.classifiers())
def test_inputs_are_those_of_torchvisions_own_preset_to_the_bit(name: str) -> None:
    weights = get_model_weights(name).DEFAULT
    ours = torchvision_models.preprocessing(weights).prepare(from_array(PHOTO, "x"))
    assert torch.equal(ours[0], weights.transforms()(Image.fromarray(PHOTO)))


def small(name: str) -> Model:
    """An untrained model at an input as small as it takes."""
    model = catalogue.load(f"{name}-untrained")
    said = model.preprocessing
    preprocessing = Preprocessing(96, 96, said.mean, said.std, said.interpolation)
    return Model(model.name, model.module, preprocessing, model.classes, model.untrained)


@pytest.mark.minutes
@pytest.mark.parametrize("name", FAMILIES)
def test_twelve_families_show_their_tree_and_a_first_picture(name: str) -> None:
    model = small(name)
    listed = engine.tree(model)
    assert all(layer.call for layer in listed if layer.type == "Conv2d")
    layer = layers.default_layer(listed)
    picture = from_array(PHOTO, "x")
    found = engine.run(Request(model.name, picture.id, layer, "grad-cam"), model, picture)
    assert found.raw.ndim == 3
    assert found.raw.std() > 0


def test_untrained_is_the_same_each_time_and_leaves_the_random_numbers_alone() -> None:
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    first, second = (catalogue.load("squeezenet1_1-untrained").module.state_dict() for _ in range(2))
    assert torch.equal(torch.rand(1), expected)
    assert all(torch.equal(first[name], second[name]) for name in first)
    with ThreadPoolExecutor(4) as workers:
        together = list(workers.map(catalogue.load, ["squeezenet1_1-untrained", "shufflenet_v2_x0_5-untrained"] * 4))
    assert all(torch.equal(first[name], model.module.state_dict()[name]) for name in first for model in together[::2])


def test_a_head_of_zeros_lets_a_gradient_through() -> None:
    module = torchvision_models.untrained("vit_b_16")
    assert all(part.weight.any() for part in module.modules() if isinstance(part, torch.nn.Linear))


@pytest.fixture(scope="module")
def squeezenet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Model]:
    """The real squeezenet1_1: its file lies in torch's cache, as if it had been fetched."""
    home = tmp_path_factory.mktemp("torch")
    (home / "hub" / "checkpoints").mkdir(parents=True)
    for file in Path(PRETRAINED).glob("squeezenet1_1-*.pth"):
        shutil.copy(file, home / "hub" / "checkpoints")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TORCH_HOME", str(home))
        yield catalogue.load("squeezenet1_1")


def labelled() -> dict[str, dict[str, str]]:
    """The photographs by name, each with what is on it and the box around it; of two things, the larger."""
    if not PRETRAINED:
        return {}
    with Path(PRETRAINED, "labels.csv").open(encoding="utf-8") as opened:
        return {row["file"]: row for row in reversed(list(csv.DictReader(opened)))}


def boxed(name: str) -> Picture:
    return images.decode(Path(PRETRAINED, name).read_bytes(), name)


def evidence(model: Model, picture: Picture, target: int) -> np.ndarray:
    """Grad-CAM where the page begins, its positive part laid over the whole picture: (H, W), nothing off the crop."""
    layer = layers.default_layer(engine.tree(model))
    request = Request(model.name, picture.id, layer, "grad-cam", (("target_class", target),))
    said = model.preprocessing
    assert isinstance(said.size, int)
    height, width = picture.pixels.shape[:2]
    side = round(said.size * min(height, width) / said.resize)
    raw = torch.from_numpy(engine.run(request, model, picture).raw)
    cut = render.resize(raw, (side, side))[0].clamp(min=0).numpy()
    whole = np.zeros((height, width))
    top, left = (height - side) // 2, (width - side) // 2
    whole[top : top + side, left : left + side] = cut
    return whole


@pytest.mark.skipif(not PRETRAINED, reason="MIRROR_PRETRAINED names no folder of real weights and photographs")
@pytest.mark.parametrize("row", labelled().values(), ids=labelled())
def test_real_weights_name_the_photograph_and_grad_cam_points_at_it(squeezenet: Model, row: dict[str, str]) -> None:
    picture = boxed(row["file"])
    target, x0, y0, x1, y1 = (int(row[key]) for key in ("class_id", "x0", "y0", "x1", "y1"))
    assert engine.predict(squeezenet, picture).probabilities.argmax() == target
    found = evidence(squeezenet, picture, target)
    y, x = np.unravel_index(found.argmax(), found.shape)
    assert x0 <= x < x1
    assert y0 <= y < y1


@pytest.mark.skipif(not PRETRAINED, reason="MIRROR_PRETRAINED names no folder of real weights and photographs")
def test_asked_for_the_cat_the_evidence_moves_to_the_cat(squeezenet: Model, capsys: pytest.CaptureFixture[str]) -> None:
    picture = boxed("images/cat_dog.png")
    shares = {}
    for target in (243, 282):
        found = evidence(squeezenet, picture, target)
        shares[target] = found[148:224, 46:202].sum() / found.sum()  # the cat's box, where the dog's has ended
    with capsys.disabled():
        print(f"\nmass in the cat's box below the dog: {shares[243]:.1%} for the dog, {shares[282]:.1%} for the cat")
    assert shares[282] >= 2 * shares[243]


@pytest.mark.skipif(not PRETRAINED, reason="MIRROR_PRETRAINED names no folder of real weights and photographs")
def test_another_network_is_surer_of_class_pictures_of_waves_than_of_pixels(
    squeezenet: Model, capsys: pytest.CaptureFixture[str]
) -> None:
    """MobileNetV2's probability of the class that SqueezeNet pictures; the six classes were chosen before they ran."""
    mobilenet, picture, entry = grid.mobilenet(), examples()[0], registry.get("class-picture")
    former = {name: entry.parse(name, text) for name, text in FORMER_DEFAULTS[entry.key].items()}
    sure: dict[str, list[float]] = {"waves": [], "pixels": []}
    for name in ("dalmatian", "toucan", "goldfish", "hotdog", "great grey owl", "African elephant"):
        number = squeezenet.classes.index(name)
        for made, values in (("waves", {}), ("pixels", former)):
            params = entry.canonical({**values, "target_class": number})
            raw = engine.run(Request(squeezenet.name, picture.id, "", entry.key, params), squeezenet, picture).raw
            with torch.no_grad():
                logits = mobilenet.module(normalize(torch.from_numpy(raw), *mobilenet.preprocessing.scale(picture)))
            sure[made].append(round(float(logits.softmax(1)[0, number]), 3))
    with capsys.disabled():
        print(f"\nMobileNetV2 of class pictures: {sure}")
    assert sum(sure["waves"]) > 3 * sum(sure["pixels"])
