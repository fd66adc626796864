"""Targets that compare with a text or another picture: equal to plain autograd and to the libraries of the models."""

from operator import attrgetter
from pathlib import Path
from typing import Any

import open_clip
import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cosine_similarity
from transformers import AutoTokenizer, CLIPModel, SiglipModel

from mirror_app import engine, targets
from mirror_app.bundled.examples import examples
from mirror_app.engine.request import Request
from mirror_app.engine.similarity import compare_with_texts
from mirror_app.images import Picture
from mirror_app.models import Model
from mirror_app.models.catalogue import load
from mirror_app.models.huggingface import loading
from mirror_app.models.text_encoder import text_target
from mirror_app.targets import Target
from mirror_app.visualisations import registry
from mirror_app.visualisations.core import (
    LRP,
    ClassActivationMapping,
    Deconvnet,
    GradCam,
    Gradient,
    Similarity,
    embedding,
)
from tests.models import hub_repositories
from tests.networks import TARGETED, bundled, quick, state
from tests.refused import refused
from tests.test_target_kinds import BOUND
from tests.test_targets import PICTURES

CLIP, SIGLIP, OPEN_CLIP = "someone/tiny-clip", "someone/tiny-siglip", "someone/tiny-open-clip"
TEXTS = ["a cat", "a dog", "an owl - at night"]
# These have rules for a model's operations, and refuse those of any function behind it.
EXACT = [entry for entry in TARGETED if entry.kind not in (LRP, Deconvnet)]
LONG = "a very long text, with many more tokens than the model reads"


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Model, Path]]:
    root = tmp_path_factory.mktemp("saved")
    for name in (CLIP, SIGLIP, OPEN_CLIP):
        hub_repositories.save(name, root)
    return {name: (loading.load(root / name, name), root / name) for name in (CLIP, SIGLIP, OPEN_CLIP)}


@pytest.mark.parametrize(
    ("text", "target", "words"),
    [
        ('text "a cat"', Target(text="a cat"), "similarity to “a cat”"),
        (
            'text "a - b: 3@4" down',
            Target(text="a - b: 3@4", is_down=True),
            "what lowers the similarity to “a - b: 3@4”",
        ),
        (
            'text "a - b" - text "c - d"',
            Target(text="a - b", unlike="c - d"),
            "similarity to “a - b” minus “c - d”",
        ),
        ('like "checked-heart"', Target(like="checked-heart"), "similarity to “checked-heart”"),
        (
            'layer4.1:like "a" - layer4.1:like "b" down',
            Target("layer4.1", like="a", unlike="b", is_down=True),
            "what lowers the similarity to “a” minus “b” at layer4.1",
        ),
    ],
)
def test_the_text_form_of_a_similarity_is_read_and_written(text: str, target: Target, words: str) -> None:
    assert targets.parse(text) == target
    assert str(target) == text
    assert target.description == words
    assert target.is_similarity
    assert not target.is_class_score
    assert targets.with_numbers(text, ["a cat", "cat", "text"]) == text


@pytest.mark.parametrize(
    "text",
    ['text ""', 'text "a', 'layer4:text "a"', 'text "a" - like "b"', 'like "a" - layer4:like "b"', 'text "a" - 3'],
)
def test_what_is_no_similarity_is_refused(text: str) -> None:
    with refused(text):
        targets.parse(text)


def test_words_become_texts_and_other_targets_stay() -> None:
    assert text_target("a cat") == 'text "a cat"'
    assert text_target('"a cat" - a dog - big down') == 'text "a cat" - text "a dog - big" down'
    for target in ("3", "3 - 4 down", "visual:3@4,5", 'text "x - y"', 'like "x"'):
        assert text_target(target) == target


@pytest.mark.parametrize("entry", EXACT, ids=attrgetter("key"))
def test_every_method_takes_a_similarity_as_it_takes_the_same_function(entry: registry.Entry) -> None:
    model, values, pictures = bundled().double(), quick(entry), PICTURES[:, :, :32, :32]
    before = state(model)
    reference, minus = embedding(model, torch.flip(pictures, [3]))
    target = Similarity(reference, minus)
    method = entry.kind(model)
    _, info = method(pictures, "features", target_class=target, **values)
    _, expected = method(
        pictures,
        "features",
        target_class=lambda y: cosine_similarity(y, reference[None]) - cosine_similarity(y, minus[None]),
        **values,
    )
    assert (info["raw"] - expected["raw"]).abs().max() <= BOUND * max(float(expected["raw"].abs().max()), 1e-300)
    assert info["target"] == "similarity"
    assert state(model) == before


def test_relevance_starts_at_the_embedding_with_its_norm_as_a_constant() -> None:
    model, picture = bundled().double(), PICTURES[:1, :, :32, :32]
    reference, embedded = embedding(model, PICTURES[1:])[0], embedding(model, picture)[0]
    _, info = LRP(model)(picture, "features", target_class=Similarity(reference))
    weights = reference / reference.norm() / embedded.norm()
    parts = [LRP(model)(picture, "features", target_class=number)[1]["raw"] for number in range(32)]
    expected = sum(weight * part for weight, part in zip(weights, parts, strict=True))
    assert (info["raw"] - expected).abs().max() <= BOUND * expected.abs().max()


def test_a_deconvolution_changes_the_rectifiers_of_the_model_only() -> None:
    model, picture = bundled().double(), PICTURES[:1, :, :32, :32]
    reference, embedded = embedding(model, PICTURES[1:]), embedding(model, picture).requires_grad_()
    (slope,) = torch.autograd.grad(cosine_similarity(embedded, reference).sum(), embedded)
    comparing = nn.Linear(32, 1, bias=False, dtype=torch.float64)
    comparing.weight.data = slope
    _, info = Deconvnet(model)(picture, target_class=Similarity(reference[0]))
    _, expected = Deconvnet(nn.Sequential(model, comparing))(picture, target_class=0)
    assert (info["raw"] - expected["raw"]).abs().max() <= BOUND * expected["raw"].abs().max()


def test_a_similarity_at_a_layer_is_what_plain_autograd_gives() -> None:
    model = bundled().double()
    reference = embedding(model, PICTURES[:1], "features")[0]
    maps = model.get_submodule("features")
    assert torch.allclose(reference, maps(PICTURES[:1]).sum((0, 2, 3)))
    leaf = PICTURES.clone().requires_grad_()
    (slope,) = torch.autograd.grad(cosine_similarity(maps(leaf).mean((2, 3)), reference[None]).sum(), leaf)
    _, info = Gradient(model)(PICTURES, target_class=Similarity(reference, layer="features"))
    assert (info["raw"] - slope).abs().max() <= BOUND * slope.abs().max()


def test_a_picture_is_most_similar_to_itself_and_its_gradient_is_zero() -> None:
    model = bundled().double()
    target = Similarity(embedding(model, PICTURES[:1])[0])
    assert torch.allclose(target(embedding(model, PICTURES[:1])), torch.ones(1, dtype=torch.float64))
    _, info = Gradient(model)(PICTURES[:1], target_class=target)
    _, other = Gradient(model)(PICTURES[:1], target_class=0)
    assert info["raw"].abs().max() < 1e-9 * other["raw"].abs().max()


def logits_of_library(name: str, folder: Path, inputs: Tensor) -> Tensor:
    """Return the logits that the library itself gives the texts."""
    if name == OPEN_CLIP:
        module = open_clip.create_model(f"local-dir:{folder}").eval()
        tokens = open_clip.get_tokenizer(f"local-dir:{folder}")(TEXTS)
        pictures, texts, scale = module(inputs, tokens)
        logits: Tensor = scale * pictures @ texts.T
        return logits[0]
    architecture: Any = CLIPModel if name == CLIP else SiglipModel
    module = architecture.from_pretrained(folder).eval()
    padding = {"padding": "max_length", "max_length": 24} if name == SIGLIP else {"padding": True}
    tokens = AutoTokenizer.from_pretrained(folder)(TEXTS, return_tensors="pt", **padding)
    logits = module(pixel_values=inputs, input_ids=tokens["input_ids"], attention_mask=None).logits_per_image
    return logits[0]


@pytest.mark.parametrize("name", [CLIP, SIGLIP, OPEN_CLIP])
def test_texts_classify_a_picture_as_the_library_does(name: str, models: dict[str, tuple[Model, Path]]) -> None:
    model, folder = models[name]
    picture = examples()[0]
    cosines, probabilities = compare_with_texts(model, engine.predict(model, picture).answers, TEXTS)
    with torch.no_grad():
        logits = logits_of_library(name, folder, model.inputs(picture))
    expected = logits.sigmoid() if name == SIGLIP else logits.softmax(0)
    assert torch.allclose(torch.from_numpy(probabilities), expected, atol=1e-5)
    assert (abs(cosines) <= 1).all()


@pytest.mark.parametrize("name", [CLIP, SIGLIP, OPEN_CLIP])
def test_a_text_is_explained_as_plain_autograd_does(name: str, models: dict[str, tuple[Model, Path]]) -> None:
    model, folder = models[name]
    picture = examples()[0]
    target = 'text "a cat" - text "an owl - at night" down'
    request = Request(name, picture.id, "", "back-prop", (("target_class", target),))
    result = engine.run(request, model, picture)
    leaf = model.inputs(picture).requires_grad_()
    logits = logits_of_library(name, folder, leaf)
    assert model.text_encoder
    (slope,) = torch.autograd.grad((logits[2] - logits[0]) / model.text_encoder.tower.scale, leaf)
    assert torch.allclose(torch.from_numpy(result.raw), slope, rtol=1e-3, atol=1e-5 * float(slope.abs().max()))
    assert result.info.params
    assert result.info.params["target_class"] == target
    assert result.info.target == "what lowers the similarity to “a cat” minus “an owl - at night”"


def test_the_weights_of_the_text_tower_count_once_they_are_loaded(models: dict[str, tuple[Model, Path]]) -> None:
    folder = models[CLIP][1]
    model = loading.load(folder, CLIP)
    before = model.bytes
    compare_with_texts(model, engine.predict(model, examples()[0]).answers, TEXTS)
    weights = CLIPModel.from_pretrained(folder).text_model.parameters()
    assert model.bytes - before >= sum(weight.numel() * 4 for weight in weights)


def test_a_text_that_is_too_long_is_refused_instead_of_cut(models: dict[str, tuple[Model, Path]]) -> None:
    for model, _ in models.values():
        with refused(LONG, hint="shorten it"):
            compare_with_texts(model, engine.predict(model, examples()[0]).answers, [LONG])


def likeness(model: Model, target: str, pictures: tuple[Picture, ...] = ()) -> engine.Result:
    picture = examples()[0]
    request = Request(model.name, picture.id, "features", "grad-cam", (("target_class", target),))
    return engine.run(request, model, picture, pictures)


def test_a_picture_is_compared_at_a_layer_of_a_classifier() -> None:
    model, (picture, other, *_) = load("shapes"), examples()
    raw = likeness(model, f'features:like "{other.id}"').raw
    target = Similarity(embedding(model.module, model.inputs(other), "features")[0], layer="features")
    _, info = GradCam(model.module)(model.inputs(picture), "features", target_class=target)
    assert torch.allclose(torch.from_numpy(raw), info["raw"])


def test_what_cannot_be_compared_is_refused(models: dict[str, tuple[Model, Path]]) -> None:
    shapes, picture = load("shapes"), examples()[1]
    with refused("a cat", accepted="CLIP"):
        likeness(shapes, 'text "a cat"')
    with refused(f'like "{picture.id}"', accepted="a layer"):
        likeness(shapes, f'like "{picture.id}"')
    with refused("no-such-picture", accepted=picture.id):
        likeness(shapes, 'features:like "no-such-picture"')
    with refused('text "a cat"', accepted="a Similarity"):
        Gradient(shapes.module)(shapes.inputs(picture), target_class='text "a cat"')
    with refused("similarity", hint="Grad-CAM"):
        inputs = shapes.inputs(picture)
        ClassActivationMapping(shapes.module)(inputs, "features", target_class=Similarity(torch.ones(32)))
    with refused("reference", accepted="32 numbers"):
        Gradient(shapes.module)(shapes.inputs(picture), target_class=Similarity(torch.ones(3)))
