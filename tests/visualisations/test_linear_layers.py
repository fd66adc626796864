"""What is linear gets LRP's rules however it is written, and Kernels shows the weights that run."""

from collections.abc import Callable

import pytest
import torch
from timm.layers.std_conv import StdConv2d
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import prune, spectral_norm, weight_norm

from mirror_app.visualisations.core import LRP, Kernels
from mirror_app.visualisations.core.relevance.lrp import composites

PICTURE = torch.randn(1, 3, 12, 12, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
RULES = tuple(name for name, composite in composites(0, 0).items() if not composite.nonlinear)
BOUND = 1e-10


def raw(model: nn.Module, rule: str = "epsilon-plus") -> Tensor:
    found: Tensor = LRP(model)(PICTURE, "", target_class=1, rule=rule)[1]["raw"]
    return found


def is_same(one: Tensor, other: Tensor) -> bool:
    return bool((one - other).abs().max() <= BOUND * other.abs().max()) and bool(other.any())


class Net(nn.Module):
    """A convolution, `middle` from 4 maps to 4, an average and a product with the weights of a linear layer."""

    def __init__(self, middle: nn.Module | None = None, product: Callable[[Tensor, Tensor], Tensor] = F.linear) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.last = nn.Conv2d(3, 4, 3), nn.Linear(4, 2, bias=False)
        self.middle, self.product = middle or nn.Identity(), product
        self.double().eval()

    def forward(self, inputs: Tensor) -> Tensor:
        maps = self.middle(self.first(inputs).relu()).relu()
        return self.product(maps.mean((2, 3)), self.last.weight)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize(
    "product",
    [
        lambda values, weight: values @ weight.T,
        lambda values, weight: torch.matmul(values, weight.t()),
        lambda values, weight: torch.mm(values, weight.T),
        lambda values, weight: (weight @ values.T).T,
    ],
)
def test_a_product_with_weights_is_a_dense_layer(product: Callable[[Tensor, Tensor], Tensor], rule: str) -> None:
    assert is_same(raw(Net(product=product), rule), raw(Net(), rule))


class AlongLines(nn.Module):
    """A 2-d convolution whose kernel has one row or one slice, as a convolution of another dimension computes it."""

    def __init__(self, dimensions: int) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.dimensions = dimensions
        self.weight = nn.Parameter(torch.randn(4, 4, 1, 3))

    def forward(self, maps: Tensor) -> Tensor:
        if self.dimensions == 1:
            lines = maps.movedim(2, 1).flatten(0, 1)
            return F.conv1d(lines, self.weight[:, :, 0]).unflatten(0, (len(maps), -1)).movedim(1, 2)
        if self.dimensions == 3:
            return F.conv3d(maps[:, :, None], self.weight[:, :, None])[:, :, 0]
        return F.conv2d(maps, self.weight)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("dimensions", [1, 3])
def test_convolutions_of_other_dimensions_get_the_rules(dimensions: int, rule: str) -> None:
    assert is_same(raw(Net(AlongLines(dimensions)), rule), raw(Net(AlongLines(2)), rule))


@pytest.mark.parametrize("norm", [False, True])
def test_a_transposed_convolution_is_the_convolution_of_the_spread_maps(norm: bool) -> None:
    torch.manual_seed(2)
    transposed = nn.ConvTranspose2d(4, 4, 3, stride=2)
    plain = nn.Conv2d(4, 4, 3, padding=2)
    plain.weight.data = transposed.weight.data.transpose(0, 1).flip(2, 3)
    assert transposed.bias is not None
    plain.bias = nn.Parameter(transposed.bias.data.clone())
    spread = nn.ConvTranspose2d(4, 4, 1, stride=2, groups=4, bias=False)  # zeros between the places
    nn.init.ones_(spread.weight)
    after = nn.BatchNorm2d(4) if norm else nn.Identity()
    if isinstance(after, nn.BatchNorm2d):
        after.running_var = torch.tensor([0.5, 2, 1, 3])
        after.running_mean = torch.tensor([0.1, -0.2, 0, 0.3])
    one, other = Net(nn.Sequential(transposed, after)), Net(nn.Sequential(spread, plain, after))
    assert torch.allclose(one(PICTURE), other(PICTURE))
    for rule in ("z-plus", "epsilon-plus"):  # the others absorb, or double, a part at each of the two layers
        assert is_same(raw(one, rule), raw(other, rule))


def test_circular_padding_is_a_rearrangement() -> None:
    torch.manual_seed(3)
    padded = nn.Conv2d(4, 4, 3, padding=(1, 2), padding_mode="circular")

    class ByHand(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.convolution = nn.Conv2d(4, 4, 3)
            self.convolution.load_state_dict(padded.state_dict())

        def forward(self, maps: Tensor) -> Tensor:
            rows = torch.arange(-1, maps.shape[2] + 1) % maps.shape[2]
            columns = torch.arange(-2, maps.shape[3] + 2) % maps.shape[3]
            wrapped: Tensor = self.convolution(maps[:, :, rows][..., columns])
            return wrapped

    assert is_same(raw(Net(padded)), raw(Net(ByHand())))


def test_a_backward_hook_of_the_callers_is_no_stranger() -> None:
    plain, hooked = Net(nn.Conv2d(4, 4, 1)), Net(nn.Conv2d(4, 4, 1))
    hooked.load_state_dict(plain.state_dict())
    hooked.middle.register_full_backward_hook(lambda *_: None)
    assert is_same(raw(hooked), raw(plain))


@pytest.mark.filterwarnings("ignore:.*weight_norm.*:FutureWarning")
def test_kernels_shows_the_weights_that_run() -> None:
    def pruned(layer: nn.Conv2d) -> nn.Module:
        return prune.l1_unstructured(layer, "weight", 0.5)

    for wrap in (weight_norm, spectral_norm, pruned):
        torch.manual_seed(4)
        layer = wrap(nn.Conv2d(3, 5, 3))
        model = nn.Sequential(layer).eval()
        with torch.no_grad():
            for weights in layer.parameters():  # an optimiser's step: the kept weight is old until the layer runs
                weights.mul_(torch.rand(weights.shape) + 0.5)
        shown = Kernels(model)(PICTURE.float(), "0")[1]["raw"]
        model(PICTURE.float())
        assert isinstance(layer.weight, Tensor)
        assert torch.allclose(shown, layer.weight.detach())


class Masked(nn.Conv2d):
    def forward(self, inputs: Tensor) -> Tensor:
        return F.conv2d(inputs, weight=self.weight * (self.weight > 0), bias=self.bias)


class Scaled(nn.Conv2d):
    def _conv_forward(self, inputs: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        return super()._conv_forward(inputs, weight / weight.flatten(1).norm(dim=1).view(-1, 1, 1, 1), bias)


@pytest.mark.parametrize("kind", [StdConv2d, Masked, Scaled])
def test_kernels_shows_the_weights_that_a_convolution_makes_as_it_runs(kind: type[nn.Conv2d]) -> None:
    torch.manual_seed(5)
    layer = kind(3, 5, 3, padding=0, bias=False)
    shown = Kernels(nn.Sequential(layer, nn.ReLU(), nn.Conv2d(5, 2, 3)).eval())(PICTURE.float(), "0")[1]["raw"]
    seen = torch.eye(27).view(27, 3, 3, 3)  # each picture has one pixel: the answer is one weight of each filter
    with torch.no_grad():
        assert torch.allclose(shown, layer.eval()(seen).view(27, 5).T.reshape(5, 3, 3, 3), atol=1e-6)
