"""Every floating type, at every door: each visualisation shows what it shows in float64, as far as the type can tell.

The bounds were written before the first run: how alike (cosine) a raw map in each type must be to that of the same
network in float64. A black box is asked for small differences of rounded answers, and an ascent magnifies rounding.
"""

import io
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from mirror_app import cli, engine, render
from mirror_app.engine.request import Request
from mirror_app.evaluation import verdict
from mirror_app.images import Preprocessing
from mirror_app.live.session import PreprocessingOverrides, live_session
from mirror_app.params import Value
from mirror_app.visualisations import registry
from mirror_app.visualisations.core import GradCam, Gradient, IntegratedGradients, Occlusion, SmoothGrad
from tests.families import vit
from tests.networks import ATTENTION, Linear, Tricky, quick
from tests.refused import refused

PICTURES = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0)).half().double()  # exact in half


class Autocast(nn.Module):
    """A float32 network that computes in bfloat16 inside."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, pictures: Tensor) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            logits: Tensor = self.net(pictures)
        return logits


class Exact(nn.Module):
    """Float32 pictures through a float64 network: the truth for methods that draw noise in the type of the pictures."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net.double()

    def forward(self, pictures: Tensor) -> Tensor:
        logits: Tensor = self.net(pictures.double())
        return logits


def typed(dtype: torch.dtype) -> Callable[[nn.Module], nn.Module]:
    return lambda net: net.to(dtype)


# How the network is made, the type of the pictures, and the bounds: of most, of black boxes, of ascents.
KINDS: dict[str, tuple[Callable[[nn.Module], nn.Module], torch.dtype, float, float, float]] = {
    "float16": (typed(torch.float16), torch.float16, 0.99, 0.9, 0.9),
    "bfloat16": (typed(torch.bfloat16), torch.bfloat16, 0.95, 0.7, 0.9),
    "autocast": (Autocast, torch.float32, 0.95, 0.7, 0.9),
    "float32": (typed(torch.float32), torch.float32, 0.9999, 0.999, 0.9),
    "float64": (typed(torch.float64), torch.float64, 1 - 1e-12, 1 - 1e-12, 1 - 1e-12),
    "float32 pictures, float64 model": (typed(torch.float64), torch.float32, 1 - 1e-9, 1 - 1e-9, 0.99),
    "float64 pictures, float32 model": (typed(torch.float32), torch.float64, 0.9999, 0.999, 0.9),
}
BLACK_BOXES = ("score-cam", "ablation-cam", "occlusion", "rise")


def net_of(key: str) -> tuple[nn.Module, str]:
    """A small network for a visualisation, and a layer of it."""
    match key:
        case _ if key in ATTENTION:
            return vit(2), "encoder.layers.encoder_layer_1"
        case "cam":
            return Linear(classes=5), "maps"
        case _:
            return Tricky(), "late"


def params_of(entry: registry.Entry) -> dict[str, Value]:
    chosen: dict[str, Value] = {"target_class": 1} if "target_class" in entry.method_params else {}
    return {**quick(entry), **chosen}


def raw_of(key: str, net: nn.Module, layer: str, pictures: Tensor) -> Tensor:
    entry = registry.get(key)
    if key in ATTENTION:
        pictures = pictures.repeat(1, 1, 2, 2)
    images, info = entry.kind(net, mean=[0.0] * 3, std=[1.0] * 3)(pictures, layer, **params_of(entry))
    assert info["untouched"]
    assert not images.isnan().any()
    assert images.dtype in (torch.float32, torch.float64)
    raw: Tensor = info["raw"]
    return raw


@cache
def truth(key: str, worked_in: torch.dtype) -> Tensor:
    net, layer = net_of(key)
    if worked_in == torch.float64:
        return raw_of(key, net.double(), layer, PICTURES)
    return raw_of(key, Exact(net), f"net.{layer}", PICTURES.float())


def shown_by(entry: registry.Entry, raw: Tensor) -> Tensor:
    """What a visualisation has made: of a picture that was changed, the change alone."""
    if not entry.kind.is_iterative:
        return raw
    return raw.double() - (0.5 if entry.kind.starts_from_noise else PICTURES.clamp(0, 1))


def bytes_of(model: nn.Module, *tensors: Tensor) -> list[object]:
    """All that a caller hands in, down to the bytes; NumPy, which `state` goes through, has no bfloat16."""
    found: list[object] = [(name, part.training, len(part._forward_pre_hooks)) for name, part in model.named_modules()]
    for tensor in (*model.parameters(), *model.buffers(), *tensors):
        found += [id(tensor), tensor.dtype, tensor.requires_grad, tensor._version]
        found.append(tensor.detach().contiguous().view(torch.uint8).numpy().tobytes())
    return found


def alike(one: Tensor, other: Tensor) -> float:
    """The smallest cosine of an item of one batch and that of the other."""
    pairs = zip(one.double().flatten(1), other.double().flatten(1), strict=True)
    return min(float(torch.cosine_similarity(*pair, dim=0)) for pair in pairs)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("entry", registry.entries(), ids=lambda entry: entry.key)
def test_each_visualisation_shows_in_each_type_what_it_shows_in_float64(entry: registry.Entry, kind: str) -> None:
    make, dtype, bound, of_black_boxes, of_ascents = KINDS[kind]
    net, layer = net_of(entry.key)
    layer = f"net.{layer}" if make is Autocast else layer
    model, pictures = make(net), PICTURES.to(dtype)
    before, given = bytes_of(model, pictures), pictures.clone()
    found = raw_of(entry.key, model, layer, pictures)
    assert bytes_of(model, pictures) == before
    assert torch.equal(pictures, given)
    assert found.dtype == (torch.float64 if kind in ("float64", "float32 pictures, float64 model") else torch.float32)
    similarity = alike(shown_by(entry, found), shown_by(entry, truth(entry.key, found.dtype)))
    print(f"{entry.key:25} {kind:35} {similarity:.6f}")
    assert similarity >= (
        of_ascents if entry.kind.is_iterative else of_black_boxes if entry.key in BLACK_BOXES else bound
    )


class Ways(nn.Module):
    """A classifier that computes in a type of its own, whatever the type is in which its weights are stored."""

    def __init__(self, stored: torch.dtype, computed: torch.dtype) -> None:
        super().__init__()
        self.computed = computed
        self.maps, self.head = (
            nn.Parameter(torch.randn(size, generator=torch.Generator().manual_seed(5)).to(stored))
            for size in ((8, 3, 3, 3), (5, 8))
        )
        self.relu = nn.ReLU()

    def forward(self, pictures: Tensor, shift: Tensor | None = None) -> Tensor:
        maps = self.relu(nn.functional.conv2d(pictures, self.maps.to(self.computed), padding=1))
        logits = nn.functional.linear(maps.mean((2, 3)), self.head.to(self.computed))
        return logits if shift is None else nn.functional.linear(shift, torch.eye(5).to(self.computed)) * logits


F16, BF16, F32, F64 = torch.float16, torch.bfloat16, torch.float32, torch.float64


@pytest.mark.parametrize(
    ("stored", "computed", "given", "taken"),
    [
        (F16, F32, F32, F32),  # weights in half to save memory, and cast up for each use
        (BF16, F64, F64, F64),
        (F32, F16, F16, F16),
        (F32, F32, F16, F32),
        (F64, F64, F32, F64),
        (F32, F32, F64, F32),
        (BF16, BF16, F16, BF16),
    ],
)
def test_inputs_go_in_as_they_are_where_the_model_runs_so_and_else_in_the_type_of_its_weights(
    stored: torch.dtype, computed: torch.dtype, given: torch.dtype, taken: torch.dtype
) -> None:
    seen: list[torch.dtype] = []
    model, pictures = Ways(stored, computed), PICTURES.to(given)
    visualisation = Gradient(model)
    visualisation.view.modules["relu"].register_forward_hook(lambda _, __, maps: seen.append(maps.dtype))
    raw = visualisation(pictures, "relu", target_class=2)[1]["raw"]
    assert set(seen) == {taken}
    leaf = PICTURES.to(taken, copy=True).requires_grad_()
    model(leaf)[:, 2].sum().backward()
    assert leaf.grad is not None
    assert alike(raw, leaf.grad) > (0.9999 if taken in (F32, F64) else 0.99)


def test_a_model_of_two_types_is_given_the_one_with_which_it_runs() -> None:
    net = Tricky().half()  # and a float32 head, as heads are often kept
    net.classifier.float().register_forward_pre_hook(lambda _, inputs: inputs[0].float())
    for dtype in (F32, F16, F64):
        raw = GradCam(net)(PICTURES.to(dtype), "late", target_class=1)[1]["raw"]
        assert alike(raw, truth("grad-cam", F64)) > 0.99


def test_the_other_inputs_follow_where_the_pictures_must_be_cast() -> None:
    shift = torch.randn(1, 5, generator=torch.Generator().manual_seed(7))
    model = Ways(F64, F64)
    raw = Gradient(model)((PICTURES.float(), shift), "relu", target_class=1)[1]["raw"]
    exact = Gradient(model)((PICTURES, shift.double()), "relu", target_class=1)[1]["raw"]
    assert torch.allclose(raw, exact, rtol=1e-6)


def svd(maps: Tensor) -> Tensor:
    return torch.linalg.svdvals(maps)[..., None]


def fourier(maps: Tensor) -> Tensor:
    return torch.fft.rfft2(maps).abs()


def inverse(maps: Tensor) -> Tensor:
    return torch.linalg.inv(maps.mT @ maps + torch.eye(maps.shape[-1]).to(maps))


def quantile(maps: Tensor) -> Tensor:
    return maps.quantile(0.5, dim=3, keepdim=True)


class Lacks(nn.Module):
    """A classifier with an operation that PyTorch does not have in half precision on a CPU."""

    def __init__(self, operation: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.maps, self.head, self.operation = nn.Conv2d(3, 4, 3), nn.Linear(4, 3), operation

    def forward(self, pictures: Tensor) -> Tensor:
        logits: Tensor = self.head(self.operation(self.maps(pictures)).mean((2, 3)))
        return logits


@pytest.mark.parametrize("given", [F16, F32], ids=str)
@pytest.mark.parametrize("dtype", [F16, BF16], ids=str)
@pytest.mark.parametrize("operation", [svd, fourier, inverse, quantile])
def test_what_does_not_exist_in_half_precision_is_one_sentence_and_its_advice_works(
    operation: Callable[[Tensor], Tensor], dtype: torch.dtype, given: torch.dtype
) -> None:
    model, name = Lacks(operation).to(dtype), str(dtype).removeprefix("torch.")
    pictures = PICTURES[:1, :, :12, :12].to(given)
    for layer in ("maps", None):
        with refused(culprit=f"{name} on the cpu", hint="model.float()"):
            Occlusion(model)(pictures, layer, patch=4, stride=4)
    with refused(culprit=f"{name} on the cpu", hint="model.float()"):
        live_session("abc", pictures, model, None, PreprocessingOverrides())
    Occlusion(model.float())(pictures, "maps", patch=4, stride=4)


SCALE = Preprocessing(size=32, resize=32, mean=(0.5,) * 3, std=(0.25,) * 3)
PHOTOGRAPH = Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 36, 3), np.uint8))


def on_the_page(model: nn.Module, item: Tensor | Image.Image) -> tuple[np.ndarray, Tensor, bytes]:
    """What the page computes for a live model: its answer, the raw map and the picture of Grad-CAM, and the curves."""
    overrides = PreprocessingOverrides(mean=SCALE.mean, std=SCALE.std, size=32)
    session = live_session("abc", item, model, None, overrides)
    (live,), picture = session.models.values(), session.pictures[0]
    prediction = engine.predict(live, picture)
    assert prediction.deviation == 0
    request = Request(live.name, picture.id, "late", "grad-cam", (("target_class", 1),))
    result = engine.run(request, live, picture)
    assert result.raw.dtype in (np.float32, np.float64)
    *_, curves = verdict.curves(request, live, picture, result)
    assert curves.deletion[0] == pytest.approx(prediction.probabilities[1], abs=0.02)
    assert "late" in {layer.name for layer in engine.tree(live)}
    assert engine.costs(live)
    png = engine.sheet(request, result.raw, live.preprocessing.model_input_rgb(picture)).png
    return prediction.probabilities, torch.from_numpy(result.raw), png


@pytest.mark.parametrize("given", [F16, BF16, F32, F64, None], ids=str)
@pytest.mark.parametrize("dtype", [F16, BF16, F32, F64], ids=str)
def test_a_live_model_and_its_inputs_may_be_of_any_type(dtype: torch.dtype, given: torch.dtype | None) -> None:
    sure, raw, png = on_the_page(Tricky().to(dtype), PHOTOGRAPH if given is None else PICTURES[0].to(given))
    exactly, true, _ = on_the_page(Tricky().double(), PHOTOGRAPH if given is None else PICTURES[0])
    coarse = BF16 in (dtype, given)
    assert np.abs(sure - exactly).max() < (0.01 if coarse else 0.002)
    assert alike(raw, true) > (0.95 if coarse else 0.99)
    assert Image.open(io.BytesIO(png)).size == (32, 32)


def test_the_command_line_takes_an_owners_half_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "half_nets.py").write_text(
        "import torch\nfrom tests.networks import Tricky\ndef net(dtype): return Tricky().to(getattr(torch, dtype))\n"
    )
    types = ("float16", "bfloat16", "float32", "float64")
    sections = (
        f'[{name}]\nfactory = "half_nets:net"\narguments = {{ dtype = "{name}" }}\nsize = 32\nresize = 32\n'
        for name in types
    )
    (tmp_path / "mirror.toml").write_text("".join(sections))
    monkeypatch.setenv("MIRROR_SETTINGS", str(tmp_path / "mirror.toml"))
    raws = {}
    for name in types:
        for file in ("raw.npy", "picture.png"):
            command = f"render --model {name} --layer late --target 1 --output {tmp_path / name}-{file}"
            assert cli.main(command.split()) == 0
        raws[name] = torch.from_numpy(np.load(tmp_path / f"{name}-raw.npy"))
    for name, raw in raws.items():
        assert alike(raw, raws["float64"]) > (0.95 if name == "bfloat16" else 0.99)


class Average(nn.Module):
    """Two logits that are the weighted average of the picture, and its negative."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.full((1, 3, 1, 1), 0.3))

    def forward(self, pictures: Tensor) -> Tensor:
        average = (pictures * self.weight).flatten(1).mean(1)
        return torch.stack([average, -average], 1)


@pytest.mark.parametrize("dtype", [F16, BF16], ids=str)
def test_sums_are_not_made_in_half_precision(dtype: torch.dtype) -> None:
    """Many equal samples: a running sum in half precision would stop growing long before the last."""
    pictures, model = torch.ones(1, 3, 16, 16, dtype=dtype), Average().to(dtype)
    expected = float(model.weight.detach()[0, 0]) / (3 * 16 * 16)
    smooth = SmoothGrad(model)(pictures, "", n=200, target_class=0)[1]["raw"]
    integrated = IntegratedGradients(model, mean=[0.0] * 3, std=[1.0] * 3)(pictures, "", steps=300, target_class=0)
    for raw in (smooth, integrated[1]["raw"]):
        assert raw.dtype == F32
        assert raw.double().sub(expected).abs().max() < expected * torch.finfo(dtype).eps


def test_looks_and_files_take_half_numbers() -> None:
    raw = torch.randn(1, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    picture = torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    for dtype in (F16, BF16):
        for look in (render.heat, render.gradient, render.tiles, render.weights):
            made: Tensor = look(raw.to(dtype), picture.to(dtype))
            assert torch.allclose(made.float(), look(raw, picture), atol=0.1)
            assert render.png(render.pixels(made[0])).startswith(b"\x89PNG")
