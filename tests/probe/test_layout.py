"""Where the places of a layer are: the same maps come back from arrangements that no shape can tell apart."""

from collections.abc import Callable
from typing import Any

import pytest
import timm
import torch
from torch import Tensor, nn

from mirror_app.probe import View, default_layer, layout
from mirror_app.visualisations.core import AblationCam, Activations, GradCam, Occlusion
from tests.families import FAMILIES, Family, swin
from tests.networks import bundled, resnet18, squeezenet, state
from tests.refused import refused

SIDE = 8  # pixels of a patch


class Arranged(nn.Module):
    """Maps of patches, arranged as a layer might give them, and an answer from their average."""

    def __init__(self, arrange: Callable[[Tensor], Tensor], channels: int = 6) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.patches = nn.Conv2d(3, channels, SIDE, SIDE)
        self.arrange = arrange
        self.layer = nn.Identity()
        self.head = nn.Linear(1, 4)

    def forward(self, inputs: Tensor) -> Tensor:
        given = self.layer(self.arrange(self.patches(inputs)))
        logits: Tensor = self.head((given * given).mean().expand(len(inputs), 1))
        return logits


def tokens(maps: Tensor) -> Tensor:
    return maps.flatten(2).mT


def with_others(front: int, behind: int = 0) -> Callable[[Tensor], Tensor]:
    """Tokens with others around them that know of the whole picture, and of no place."""

    def arrange(maps: Tensor) -> Tensor:
        one = tokens(maps).mean(1, keepdim=True)
        return torch.cat([one.expand(-1, front, -1), tokens(maps), one.expand(-1, behind, -1)], 1)

    return arrange


def blocks(maps: Tensor, side: int = 2) -> Tensor:
    """Blocks of places, (N, blocks, places of a block, C), as NesT has them."""
    apart = maps.movedim(1, -1).unflatten(2, (-1, side)).unflatten(1, (-1, side))
    return apart.transpose(2, 3).flatten(3, 4).flatten(1, 2)


def shuffled(maps: Tensor) -> Tensor:
    count = maps[0, 0].numel()
    return tokens(maps)[:, torch.randperm(count, generator=torch.Generator().manual_seed(1))]


def hiera(maps: Tensor) -> Tensor:
    """Tokens block within block, the place in the smallest block first."""
    side = maps.shape[-1] // 4
    apart = maps.movedim(1, -1).unflatten(2, (side, 2, 2)).unflatten(1, (side, 2, 2))  # N, Y, y1, y0, X, x1, x0, C
    return apart.permute(0, 2, 5, 3, 6, 1, 4, 7).flatten(1, 6)


ARRANGEMENTS: dict[str, Callable[[Tensor], Tensor]] = {
    "channels first": lambda maps: maps,
    "channels last": lambda maps: maps.movedim(1, -1),
    "tokens": tokens,
    "a class token": with_others(1),
    "a class token and four registers": with_others(5),
    "a class token and eight registers": with_others(9),
    "a class token behind": with_others(0, 1),
    "channels before tokens": lambda maps: maps.flatten(2),
    "channels before a class token and tokens": lambda maps: with_others(1)(maps).mT,
    "the sequence first": lambda maps: tokens(maps).transpose(0, 1),
    "heads": lambda maps: tokens(maps).unflatten(2, (2, 3)).transpose(1, 2),
    "blocks": blocks,
    "blocks in the batch": lambda maps: blocks(maps).flatten(0, 1),
    "block within block": hiera,
    "column by column": lambda maps: tokens(maps.mT),
    "rows and columns exchanged": lambda maps: maps.mT,
    "upside down": lambda maps: tokens(maps).flip(1),
    "rolled": lambda maps: maps.roll((2, 3), (2, 3)),
    "shuffled": shuffled,
}


SQUARE, WIDE = (64, 64), (64, 96)
OF_SQUARES = "block within block"


@pytest.mark.parametrize(
    ("name", "size"),
    [(name, size) for name in ARRANGEMENTS for size in (SQUARE, WIDE) if (name, size) != (OF_SQUARES, WIDE)],
    ids=str,
)
def test_the_maps_of_every_arrangement_come_back(name: str, size: tuple[int, int]) -> None:
    model = Arranged(ARRANGEMENTS[name]).eval()
    pictures = torch.randn(2, 3, *size, generator=torch.Generator().manual_seed(0))
    before, bytes_before = state(model), pictures.clone()
    found = Activations(model)(pictures, "layer")[1]["raw"]
    assert torch.equal(found, model.patches(pictures).detach())
    assert state(model) == before
    assert torch.equal(pictures, bytes_before)


@pytest.mark.parametrize("name", ARRANGEMENTS)
def test_maps_go_back_to_where_they_came_from(name: str) -> None:
    model, pictures = Arranged(ARRANGEMENTS[name]).eval(), torch.randn(2, 3, 64, 64)
    view = View(model)
    output = view.capture(pictures, "layer")
    found = layout(view, pictures, "layer", output)
    if found.is_batch_first:
        assert torch.equal(found.output(found.maps(output), output), output)
        assert torch.equal(found.maps(found.output(found.maps(output) * 2, output[:1])), found.maps(output) * 2)
    else:
        with refused(culprit="layer", hint="Grad-CAM", problem="first axis"):
            AblationCam(model)(pictures, "layer")


@pytest.mark.parametrize("count", [8, 64])
def test_a_cube_and_a_sequence_as_long_as_the_batch_are_told_by_what_answers(count: int) -> None:
    pictures = torch.randn(2, 3, 64, 64)
    for arrange in (lambda maps: maps, lambda maps: maps.movedim(1, -1)):  # 8 x 8 places and 8 channels
        model = Arranged(arrange, 8)
        assert torch.equal(Activations(model)(pictures, "layer")[1]["raw"], model.patches(pictures).detach())
    many = torch.randn(count, 3, 64, 64)
    model = Arranged(lambda maps: tokens(maps).transpose(0, 1), 8)
    assert torch.equal(Activations(model)(many, "layer")[1]["raw"], model.patches(many).detach())


def test_a_cube_is_read_in_a_model_that_has_channels_last() -> None:
    pictures = torch.randn(1, 3, 96, 96)  # 24 x 24 places, and 24 channels
    model = swin().eval()
    expected = View(model).capture(pictures, "features.1").movedim(-1, 1)
    assert torch.equal(Activations(model)(pictures, "features.1")[1]["raw"], expected)


REFUSED: dict[str, Callable[[Tensor], Tensor]] = {
    "which tokens look at which": lambda maps: (tokens(maps) @ tokens(maps).mT)[:, None].expand(-1, 3, -1, -1),
    "a table of the model alone": lambda maps: torch.arange(64.0).view(1, 8, 8).expand(len(maps), 5, 8, 8) * 1,
    "averages": lambda maps: maps.mean((2, 3), keepdim=True).expand(-1, -1, 8, 8) * 1,
    "half of the tokens": lambda maps: tokens(maps)[:, ::2],
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_places_or_several_is_refused_and_a_layer_that_was_tried_is_named(name: str) -> None:
    model, pictures = Arranged(REFUSED[name]).eval(), torch.randn(1, 3, 64, 64)
    with refused(culprit="layer", hint="'patches'"):
        Activations(model)(pictures, "layer")
    with refused(culprit="layer", hint="'patches'"):
        GradCam(model)(pictures, "layer")
    assert Activations(model)(pictures, "patches")[1]["raw"].shape == (1, 6, 8, 8)


@pytest.mark.parametrize("family", FAMILIES, ids=str)
def test_maps_are_found_and_put_back(family: Family) -> None:
    view = View(family.model)
    output = view.capture(family.pictures, family.layer)
    found = layout(view, family.pictures, family.layer, output)
    assert torch.equal(found.maps(output), family.maps(output))
    assert torch.equal(found.output(found.maps(output), output), output)


@pytest.mark.parametrize(("build", "layer"), [(resnet18, "layer4"), (squeezenet, "features"), (bundled, "features")])
def test_where_the_graph_proves_a_layout_nothing_is_probed(
    build: Callable[[], nn.Module], layer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mirror_app.probe.gray_code.GridDecoder.decode", lambda *_: pytest.fail("probed"))
    assert Activations(build())(torch.randn(1, 3, 64, 64), layer)[1]["raw"].ndim == 4


def test_hiera_and_nest_are_laid_out_as_timm_does() -> None:
    torch.manual_seed(0)
    model: Any = timm.create_model("hiera_tiny_224", num_classes=5, img_size=64).eval()
    pictures = torch.randn(1, 3, 64, 64)
    for block in ("blocks.1", "blocks.2", "blocks.5"):
        view = View(model)
        output = view.capture(pictures, block)
        expected = model.reroll(output, int(block[-1]), mask=None).movedim(-1, 1)
        assert torch.equal(layout(view, pictures, block, output).maps(output), expected)
    model = timm.create_model("nest_tiny", num_classes=5, img_size=64).eval()
    assert Activations(model)(pictures, "levels.1.transformer_encoder")[1]["raw"].shape == (1, 192, 8, 8)
    assert default_layer(View(model), pictures) == "norm"


class Padded(nn.Module):
    """Two convolutions behind what a forward pass does to the picture first."""

    def __init__(self, prepare: Callable[[Tensor], Tensor], **first: Any) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.prepare = prepare
        self.first = nn.Conv2d(3, 4, **({"kernel_size": 3, "padding": 1} | first))
        self.layer = nn.Conv2d(4, 6, 3, padding=1)
        self.head = nn.Linear(6, 4)

    def forward(self, inputs: Tensor) -> Tensor:
        logits: Tensor = self.head(self.layer(self.first(self.prepare(inputs)).relu()).relu().mean((2, 3)))
        return logits


def to_a_square(inputs: Tensor, is_centred: bool = False) -> Tensor:
    """As Segment Anything does it, or as letters are put in boxes."""
    missing = [max(inputs.shape[2:]) - side for side in (inputs.shape[3], inputs.shape[2])]
    before = [lacks // 2 if is_centred else 0 for lacks in missing]
    return nn.functional.pad(inputs, (before[0], missing[0] - before[0], before[1], missing[1] - before[1]), value=0.5)


def to_a_multiple(inputs: Tensor) -> Tensor:
    return nn.functional.pad(inputs, (0, -inputs.shape[3] % 64, 0, -inputs.shape[2] % 64), mode="replicate")


def normalised(inputs: Tensor) -> Tensor:
    return (to_a_square(inputs) - 0.5) / 0.25


def dynamic() -> nn.Module:
    """A vision transformer that pads its pictures to whole patches."""
    torch.manual_seed(0)
    model: nn.Module = timm.create_model(
        "vit_tiny_patch16_224", num_classes=4, img_size=64, depth=1, dynamic_img_size=True, dynamic_img_pad=True
    )
    return model


PADDED: dict[str, tuple[Callable[[], nn.Module], str, tuple[int, int]]] = {
    "to a square": (lambda: Padded(to_a_square), "layer", (24, 48)),
    "to a square, centred": (lambda: Padded(lambda x: to_a_square(x, True)), "layer", (48, 24)),
    "to a square, then normalised": (lambda: Padded(normalised), "first", (24, 48)),
    "to a multiple": (lambda: Padded(to_a_multiple), "layer", (36, 36)),
    "by mirroring": (lambda: Padded(nn.ReflectionPad2d((0, 20, 0, 0))), "layer", (32, 32)),
    "to whole patches": (dynamic, "blocks.0", (70, 100)),
    "by a convolution, as the first FCN": (lambda: Padded(lambda x: x, padding=40), "layer", (32, 32)),
    "by a layer of its own": (lambda: Padded(nn.ZeroPad2d((0, 0, 16, 0))), "prepare", (32, 32)),
}


@pytest.mark.minutes
@pytest.mark.parametrize(("build", "layer", "size"), PADDED.values(), ids=PADDED)
def test_maps_of_a_padded_picture_are_not_laid_over_the_picture(
    build: Callable[[], nn.Module], layer: str, size: tuple[int, int]
) -> None:
    model, picture = build().eval(), torch.randn(1, 3, *size, generator=torch.Generator().manual_seed(3))
    for visualisation in (Activations(model), GradCam(model)):
        with refused(hint="Occlusion, which needs none"):
            visualisation(picture, layer)
    raw = Occlusion(model)(picture, patch=8, stride=8, target_class=1)[1]["raw"]
    hidden = picture.clone()
    hidden[:, :, :8, :8] = 0
    assert torch.allclose(raw[0, 0, 0], (model(picture) - model(hidden))[0, 1], atol=1e-5)


def same(stride: int, extent: int) -> Callable[[Tensor], Tensor]:
    """The padding of TensorFlow, more behind than in front."""

    def pad(inputs: Tensor) -> Tensor:
        lacking = [max((-(-side // stride) - 1) * stride + extent - side, 0) for side in inputs.shape[2:]]
        rows, columns = lacking
        return nn.functional.pad(inputs, (columns // 2, columns - columns // 2, rows // 2, rows - rows // 2))

    return pad


FILLED: dict[str, Callable[[], nn.Module]] = {
    "as TensorFlow, stride 1": lambda: Padded(same(1, 5), kernel_size=5, padding=0),
    "as TensorFlow, stride 2": lambda: Padded(same(2, 3), kernel_size=3, stride=2, padding=0),
    "as TensorFlow, stride 2, extent 7": lambda: Padded(same(2, 7), kernel_size=7, stride=2, padding=0),
    "by mirroring": lambda: Padded(nn.ReflectionPad2d(3), kernel_size=7, padding=0),
    "of a dilated kernel": lambda: Padded(nn.ReplicationPad2d(4), kernel_size=3, dilation=4, padding=0),
    "to whole patches, nearly": lambda: Padded(nn.ZeroPad2d((0, 1, 0, 1)), kernel_size=4, stride=4, padding=0),
}


@pytest.mark.parametrize("build", FILLED.values(), ids=FILLED)
@pytest.mark.parametrize("size", [(32, 32), (31, 47)])
def test_padding_that_fills_a_kernel_keeps_the_places(build: Callable[[], nn.Module], size: tuple[int, int]) -> None:
    model, picture = build().eval(), torch.randn(1, 3, *size, generator=torch.Generator().manual_seed(3))
    view = View(model)
    output = view.capture(picture, "layer")
    assert layout(view, picture, "layer", output).axes == (2, 3)
    row, column = size[0] * 3 // 4, size[1] // 4
    changed = picture.clone()
    changed[:, :, row : row + 4, column : column + 4] += 5
    place = int((view.capture(changed, "layer") - output).pow(2).sum(1).argmax())
    found = divmod(place, output.shape[3])
    expected = [(at + 2) / side * cells for at, side, cells in zip((row, column), size, output.shape[2:], strict=True)]
    reach = [1 + 6 * cells / side for side, cells in zip(size, output.shape[2:], strict=True)]
    assert all(abs(f + 0.5 - e) <= r for f, e, r in zip(found, expected, reach, strict=True))
