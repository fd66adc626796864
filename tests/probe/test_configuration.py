"""What Transformers and timm say of their models' output: its kind, the names, and whether there is a head at all."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import timm
import torch
import transformers
from torch import Tensor, nn

from mirror_app import engine
from mirror_app.live.session import PreprocessingOverrides, live_session
from mirror_app.models import Model
from mirror_app.probe.configuration import configured_meaning
from mirror_app.probe.output_kind import OutputKind, OutputMeaning
from mirror_app.probe.output_meaning import meaning_of
from mirror_app.visualisations.core import Gradient, Rise
from tests.refused import refused

PICTURE = torch.rand(3, 32, 32, generator=torch.Generator().manual_seed(0))
SMALL: dict[str, Any] = {
    "image_size": 32,
    "patch_size": 16,
    "hidden_size": 24,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 24,
}
NAMES = {0: "cat", 1: "dog", 2: "axolotl"}


def vit(**options: Any) -> nn.Module:
    torch.manual_seed(0)
    return transformers.ViTForImageClassification(transformers.ViTConfig(**{**SMALL, **options})).eval()


def shown(module: nn.Module, **said: object) -> tuple[Model, engine.Prediction]:
    made = live_session("abc", PICTURE, module, None, PreprocessingOverrides(**said))  # type: ignore[arg-type]
    (model,) = made.models.values()
    return model, engine.predict(model, made.pictures[0])


@pytest.mark.parametrize(
    ("problem", "kind", "likelihood"),
    [
        ("single_label_classification", "classes", lambda logits: logits.softmax(1)),
        ("multi_label_classification", "labels", torch.sigmoid),
        ("regression", "numbers", lambda logits: logits),
        (None, "classes", lambda logits: logits.softmax(1)),
    ],
)
def test_the_problem_type_of_transformers_says_the_kind(problem: str | None, kind: str, likelihood: object) -> None:
    module = vit(id2label=NAMES, problem_type=problem)
    model, found = shown(module)
    with torch.no_grad():
        expected = likelihood(module(PICTURE[None]).logits)[0]  # type: ignore[operator]
    assert model.output == OutputMeaning(OutputKind(kind))
    assert model.classes == ("cat", "dog", "axolotl")
    assert np.allclose(found.values, expected, atol=1e-6)
    assert Rise(module)(PICTURE[None], n=100, target_class=1)[1]["output"] == kind
    assert shown(module, classes=["a", "b", "c"])[0].classes == ("a", "b", "c")
    assert shown(module, output="labels")[0].output == OutputMeaning(OutputKind.LABELS)


def test_one_number_of_transformers_is_a_regression_and_never_sure() -> None:
    for problem in (None, "regression"):
        model, found = shown(vit(num_labels=1, problem_type=problem))
        assert model.output is not None
        assert model.output.kind is OutputKind.NUMBERS
        assert not len(found.probabilities)
    assert shown(vit(num_labels=1, problem_type="multi_label_classification"))[1].probabilities[0] < 1


class Wrapped(nn.Module):
    """How people make a tensor of what Transformers gives."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, inputs: Tensor) -> Tensor:
        logits: Tensor = self.inner(inputs).logits
        return logits


class Head(nn.Module):
    """A head of one's own, with as many classes as Transformers has names by default."""

    def __init__(self) -> None:
        super().__init__()
        self.body = transformers.ViTModel(transformers.ViTConfig(**SMALL))
        self.head = nn.Linear(24, 2)

    def forward(self, inputs: Tensor) -> Tensor:
        logits: Tensor = self.head(self.body(inputs).pooler_output)
        return logits


def test_of_a_wrapper_it_is_assumed() -> None:
    wrapped = Wrapped(vit(id2label=NAMES, problem_type="multi_label_classification"))
    model, _ = shown(wrapped)
    assert model.output == OutputMeaning(OutputKind.LABELS, assumed=True)
    assert model.classes == ("cat", "dog", "axolotl")
    model, _ = shown(Head().eval())
    assert model.output == OutputMeaning(OutputKind.CLASSES, assumed=True)
    assert model.classes == ("class 0", "class 1")


def without_its_head() -> nn.Module:
    module: nn.Module = timm.create_model("lcnet_050", num_classes=5)
    module.reset_classifier(0)  # type: ignore[operator]
    return module


class OwnHead(transformers.ViTPreTrainedModel):
    """The usual way to put a head of one's own on a backbone of Transformers."""

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self.vit = transformers.ViTModel(config, add_pooling_layer=False)
        self.head = nn.Linear(24, 7)

    def forward(self, pixel_values: Tensor) -> Tensor:
        logits: Tensor = self.head(self.vit(pixel_values).last_hidden_state[:, 0])
        return logits


class OwnModel(transformers.ViTModel):
    """Derived from a model without a head, which it adds."""

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self.head = nn.Linear(24, 7)

    def forward(self, pixel_values: Tensor) -> Tensor:
        logits: Tensor = self.head(super().forward(pixel_values).pooler_output)
        return logits


def with_a_head(name: str, head: str, **options: Any) -> nn.Module:
    """A model of timm without a classifier, which is given one of one's own."""
    module: nn.Module = timm.create_model(name, num_classes=0, **options)
    width: int = module.num_features  # type: ignore[assignment]
    module.set_submodule(head, nn.Linear(width, 7))
    return module


def with_a_sequence() -> nn.Module:
    module: nn.Module = timm.create_model("convnext_atto", num_classes=0)
    module.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(320, 7))
    return module


OWN_HEADS: dict[str, Callable[[], nn.Module]] = {
    "of Transformers' base class": lambda: OwnHead(transformers.ViTConfig(**SMALL)),
    "of Transformers' model without a head": lambda: OwnModel(transformers.ViTConfig(**SMALL)),
    "timm, a linear layer": lambda: with_a_head("resnet10t", "fc"),
    "timm, a linear layer inside the head": lambda: with_a_head("convnext_atto", "head.fc"),
    "timm, a sequence": with_a_sequence,
    "timm, a transformer": lambda: with_a_head("vit_tiny_patch16_224", "head", img_size=32, depth=1),
}


@pytest.mark.parametrize("build", OWN_HEADS.values(), ids=OWN_HEADS)
def test_a_head_of_ones_own_on_a_model_without_one_gives_classes_by_assumption(build: Callable[[], nn.Module]) -> None:
    torch.manual_seed(0)
    module = build().eval()
    model, found = shown(module)
    assert model.output == OutputMeaning(OutputKind.CLASSES, assumed=True)
    assert np.allclose(found.values.sum(), 1, atol=1e-6)
    assert Gradient(module)(PICTURE[None])[1]["target_class"] == [int(found.answers.argmax())]


class Sigmoids(transformers.ViTForImageClassification):
    """Gives the probabilities of its labels."""

    def forward(self, *inputs: Any, **options: Any) -> Any:
        return super().forward(*inputs, **options).logits.sigmoid()


class Logits(transformers.ViTForImageClassification):
    """Gives the logits without what is around them."""

    def forward(self, *inputs: Any, **options: Any) -> Any:
        return super().forward(*inputs, **options).logits - 3


LABELS: dict[str, Any] = {"num_labels": 4, "problem_type": "multi_label_classification"}
MANY = transformers.ViTConfig(**SMALL, **LABELS)
IN_PERCENT = OutputMeaning(OutputKind.PROBABILITIES, assumed=True)
OWN_ENDINGS: dict[str, tuple[Callable[[], nn.Module], OutputMeaning]] = {
    "sigmoids": (lambda: Sigmoids(MANY), IN_PERCENT),
    "sigmoids, around": (lambda: nn.Sequential(Wrapped(vit(**LABELS)), nn.Sigmoid()), IN_PERCENT),
    "softmax, around": (lambda: nn.Sequential(Wrapped(vit(num_labels=4)), nn.Softmax(1)), IN_PERCENT),
    "logits": (lambda: Logits(MANY), OutputMeaning(OutputKind.LABELS, assumed=True)),
    "its own": (lambda: vit(**LABELS), OutputMeaning(OutputKind.LABELS)),
}


@pytest.mark.parametrize(("build", "meaning"), OWN_ENDINGS.values(), ids=OWN_ENDINGS)
def test_no_sigmoid_is_taken_of_a_sigmoid(build: Callable[[], nn.Module], meaning: OutputMeaning) -> None:
    torch.manual_seed(0)
    module = build().eval()
    model, found = shown(module)
    assert model.output == meaning
    with torch.no_grad():
        output: Any = module(PICTURE[None])
    answers = output if isinstance(output, Tensor) else output.logits
    expected = answers[0] if meaning.kind is OutputKind.PROBABILITIES else answers[0].sigmoid()
    assert np.allclose(found.values, expected, atol=1e-6)


STAGES: dict[str, Any] = {"num_stages": 2, "hidden_sizes": [8, 12], "depths": [1, 1]}
HEADLESS: dict[str, Callable[[], nn.Module]] = {
    "ViTModel": lambda: transformers.ViTModel(transformers.ViTConfig(**SMALL)),
    "Dinov2Model": lambda: transformers.Dinov2Model(transformers.Dinov2Config(**SMALL)),
    "ConvNextModel": lambda: transformers.ConvNextModel(transformers.ConvNextConfig(**STAGES)),
    "timm, num_classes=0": lambda: timm.create_model("resnet10t", num_classes=0),
    "timm, reset_classifier": without_its_head,
    "timm, a transformer": lambda: timm.create_model("vit_tiny_patch16_224", img_size=32, depth=1, num_classes=0),
}


@pytest.mark.parametrize("build", HEADLESS.values(), ids=HEADLESS)
def test_a_model_without_a_head_gives_an_embedding(build: Callable[[], nn.Module]) -> None:
    torch.manual_seed(0)
    module = build().eval()
    model, found = shown(module)
    assert model.output == OutputMeaning(OutputKind.EMBEDDING)
    assert model.name_of(3) == "channel 3"
    assert not len(found.probabilities)
    assert found.text(3) == f"{found.answers[3]:.4g}"
    with refused(culprit="embedding", accepted="a target from 0 to "):
        Gradient(module)(PICTURE[None])
    raw = Gradient(module)(PICTURE[None], target_class=3)[1]["raw"]
    leaf = PICTURE[None].clone().requires_grad_()
    output = module(leaf)
    (expected,) = torch.autograd.grad((output if isinstance(output, Tensor) else output.pooler_output)[0, 3], leaf)
    assert torch.allclose(raw, expected, rtol=1e-4, atol=1e-6 * expected.abs().max().item())


def test_a_head_of_timm_is_classes_by_assumption_and_tokens_alone_are_no_classes() -> None:
    model, _ = shown(timm.create_model("resnet10t", num_classes=5).eval())
    assert model.output == OutputMeaning(OutputKind.CLASSES, assumed=True)
    tokens = transformers.ViTModel(transformers.ViTConfig(**SMALL), add_pooling_layer=False).eval()
    model, found = shown(tokens)
    assert model.output == OutputMeaning(OutputKind.EMBEDDING)
    assert not len(found.answers)
    maps = timm.create_model("resnet10t", num_classes=0, global_pool="").eval()
    model, found = shown(maps)
    assert model.output == OutputMeaning(OutputKind.EMBEDDING)
    assert found.regions is None


def test_segmentation_of_transformers_gives_regions() -> None:
    config = transformers.SegformerConfig(
        depths=[1, 1], hidden_sizes=[8, 8], num_encoder_blocks=2, sr_ratios=[2, 1], patch_sizes=[7, 3], strides=[4, 2],
        num_attention_heads=[1, 1], mlp_ratios=[1, 1], decoder_hidden_size=8,
    )  # fmt: skip
    module = transformers.SegformerForSemanticSegmentation(config).eval()
    assert meaning_of(module(PICTURE[None]), module) == OutputMeaning(OutputKind.REGIONS)


def test_a_model_of_no_known_library_says_nothing() -> None:
    assert configured_meaning(nn.Linear(3, 1000), 1000) is None
