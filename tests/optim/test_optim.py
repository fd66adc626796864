"""Image ascent, part by part: closed forms, exact cases, and each step up is one."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from mirror_app.optim import (
    Ascent,
    ForwardPass,
    Fourier,
    Objective,
    Pixels,
    PixelSpace,
    objectives,
    operators,
    optimisers,
    penalties,
    transforms,
)
from mirror_app.optim.colour_space import AXES, VARIANCES, mixing
from mirror_app.probe import View
from tests.networks import Linear, Tricky, resnet18
from tests.refused import refused

PICTURES = torch.rand(2, 3, 24, 31, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
EVEN = PICTURES[..., :30]


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def value(objective: Objective, pixels: Tensor = PICTURES, **outputs: Tensor) -> Tensor:
    return objective(ForwardPass(pixels, outputs))


def test_objectives_add_subtract_and_multiply_with_one_another_and_with_numbers() -> None:
    one = Objective(lambda seen: seen.pixels[:, 0, 0, 0], frozenset({"0"}))
    other = Objective(lambda seen: seen.pixels[:, 1, 0, 0], frozenset({"1"}))
    a, b = PICTURES[:, 0, 0, 0], PICTURES[:, 1, 0, 0]
    for mixed, expected in [
        (one + other, a + b),
        (one - other, a - b),
        (one * other, a * b),
        (-one, -a),
        (2 * one + 1, 2 * a + 1),
        (1 + one * 3 - 0.5, 1 + 3 * a - 0.5),
        ((one + other) * (one - 2 * other), (a + b) * (a - 2 * b)),
    ]:
        assert torch.allclose(value(mixed), expected, rtol=1e-15)
    assert (one + other).layers == (one * other).layers == (one - other).layers == {"0", "1"}


def test_objectives_of_layers_are_what_they_say() -> None:
    maps = torch.arange(2 * 3 * 3 * 5.0).reshape(2, 3, 3, 5)
    assert torch.equal(value(objectives.channel("a", 1), a=maps), maps[:, 1].mean((1, 2)))
    assert torch.equal(value(objectives.neuron("a", 2), a=maps), maps[:, 2, 1, 2])
    assert torch.equal(value(objectives.energy("a"), a=maps), (maps**2).mean((1, 2, 3)))
    assert torch.equal(value(objectives.distance("a", maps), a=maps), torch.zeros(2))
    assert torch.equal(value(objectives.distance("a", maps), a=0 * maps), torch.ones(2))
    assert torch.equal(value(objectives.distance("a", 0 * maps), a=0 * maps), torch.zeros(2))
    vector = maps.flatten(1)
    assert torch.equal(value(objectives.channel("a", 4), a=vector), vector[:, 4])
    assert torch.equal(value(objectives.neuron("a", 4), a=vector), vector[:, 4])
    tokens = maps[:, 0]  # (N, tokens, features)
    by_columns = ForwardPass(torch.zeros(2, 3, 3, 5), {"a": tokens}, lambda _layer, output: output.mT)
    assert torch.equal(objectives.channel("a", 4)(by_columns), tokens[:, :, 4].mean(1))
    logits = value(objectives.score("", lambda logits: logits[[0, 1], [7, 1]]), **{"": vector})
    assert logits.tolist() == [vector[0, 7], vector[1, 1]]
    with refused(culprit="3", accepted="channels 0 to 2"):
        value(objectives.channel("a", 3), a=maps)


@pytest.mark.parametrize(
    ("penalty", "slope"),
    [
        (penalties.l2, lambda x: 2 * (x - 0.5)),
        (penalties.l1, lambda x: (x - 0.5).sign()),
    ],
)
def test_penalties_have_the_slopes_of_their_closed_forms(
    penalty: Callable[[], Objective], slope: Callable[[Tensor], Tensor]
) -> None:
    leaf = PICTURES.clone().requires_grad_()
    (found,) = torch.autograd.grad(value(penalty(), leaf).sum(), leaf)
    assert torch.allclose(found, slope(PICTURES), atol=1e-14)


def test_total_variation_of_known_pictures_and_its_slope_by_finite_differences() -> None:
    ramp = torch.arange(6.0).expand(1, 2, 4, 6)
    assert value(penalties.total_variation(), ramp).tolist() == [2 * 4 * 5]
    assert value(penalties.total_variation(), torch.ones(3, 1, 4, 4)).tolist() == [0, 0, 0]
    small = PICTURES[:, :, :4, :5].clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: value(penalties.total_variation(), x), small)


def test_a_blur_is_the_gaussian_keeps_what_is_even_and_its_slope_is_that_of_finite_differences() -> None:
    point = torch.zeros(1, 1, 41, 41, dtype=torch.float64)
    point[..., 20, 20] = 1
    spread = operators.blur(1.5)(point)[0, 0]
    across = torch.arange(41, dtype=torch.float64) - 20
    bell = torch.exp(-(across**2) / (2 * 1.5**2)) / math.sqrt(2 * math.pi) / 1.5
    assert torch.allclose(spread, torch.outer(bell, bell), atol=1e-4)
    assert spread.sum() == pytest.approx(1, abs=1e-12)
    even = torch.full((1, 3, 5, 4), 0.3, dtype=torch.float64)  # smaller than the kernel
    assert torch.allclose(operators.blur(1.5)(even), even, rtol=1e-12)
    assert torch.allclose(operators.blur(1)(even[..., :1]), even[..., :1], rtol=1e-12)
    assert torch.equal(operators.blur(0)(PICTURES), PICTURES)
    assert torch.autograd.gradcheck(operators.blur(0.7), PICTURES[:1, :1, :6, :5].clone().requires_grad_())


def test_clipping_makes_grey_the_share_of_pixels_that_are_nearest_to_it() -> None:
    clipped = operators.clip(0.25)(PICTURES)
    grey = (clipped == 0.5).all(1)
    assert torch.allclose(grey.double().mean((1, 2)), torch.tensor(0.25, dtype=torch.float64), atol=2e-3)
    size = (PICTURES - 0.5).square().sum(1)
    for item in range(2):
        assert size[item][grey[item]].max() < size[item][~grey[item]].min()
    assert torch.equal(clipped.movedim(1, 3)[~grey], PICTURES.movedim(1, 3)[~grey])
    assert torch.equal(operators.clip(0)(PICTURES), PICTURES)


def test_transforms_with_nothing_to_do_do_nothing() -> None:
    for still in (transforms.jitter(0), transforms.pad(0)):
        assert torch.equal(still(PICTURES, generator()), PICTURES)
    for still in (transforms.rotate(0), transforms.scale(0)):
        assert torch.allclose(still(PICTURES, generator()), PICTURES, atol=1e-12)


def test_a_jitter_is_a_roll_and_every_shift_comes() -> None:
    rolled = {(down, across): PICTURES.roll((down, across), (2, 3)) for down in range(-2, 3) for across in range(-2, 3)}
    draws, seen = generator(), set()
    for _ in range(400):
        found = transforms.jitter(2)(PICTURES, draws)
        seen |= {shift for shift, expected in rolled.items() if torch.equal(found, expected)}
    assert seen == set(rolled)


def test_a_margin_is_grey_and_the_picture_lies_inside() -> None:
    padded = transforms.pad(3)(PICTURES, generator())
    assert torch.equal(padded[..., 3:-3, 3:-3], PICTURES)
    assert (padded[..., :3, :] == 0.5).all()
    assert (padded[..., -3:] == 0.5).all()


def test_a_quarter_turn_and_a_doubling_are_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    draws = torch.tensor(1.0, dtype=torch.float64)
    monkeypatch.setattr(torch, "rand", lambda *_, **__: draws)  # the largest turn that is allowed
    square = PICTURES[..., :24]
    assert torch.allclose(transforms.rotate(90)(square, generator()), square.rot90(1, (2, 3)), atol=1e-12)
    assert torch.allclose(transforms.rotate(180)(PICTURES, generator()), PICTURES.flip(2, 3), atol=1e-12)
    ramp = torch.arange(31, dtype=torch.float64).expand(1, 1, 24, 31)
    doubled = transforms.scale(1)(ramp, generator())
    assert torch.allclose(doubled, (ramp - 15) / 2 + 15, atol=1e-12)


def test_a_turn_keeps_lengths_where_the_picture_is_not_square(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "rand", lambda *_, **__: torch.tensor(1.0, dtype=torch.float64))
    down, across = torch.meshgrid(torch.arange(24.0) - 11.5, torch.arange(48.0) - 23.5, indexing="ij")
    hill = torch.exp(-(down.double() ** 2 + across**2) / 50)
    inside = torch.hypot(down, across) < 11  # what lies outside is mirrored
    assert torch.allclose(transforms.rotate(30)(hill[None, None], generator())[0, 0, inside], hill[inside], atol=0.015)


@pytest.mark.parametrize(
    "transform", [transforms.jitter(2), transforms.pad(2), transforms.rotate(20), transforms.scale(0.2)]
)
def test_a_gradient_goes_through_each_transform(transform: transforms.Transform) -> None:
    small = PICTURES[:1, :1, :5, :6].clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: transform(x, generator(3)), small)


@pytest.mark.parametrize("pictures", [PICTURES, EVEN, PICTURES[:, :1], PICTURES[..., :1, :1], PICTURES[:, :2]])
@pytest.mark.parametrize("decorrelate", [True, False])
def test_a_picture_to_waves_and_back_is_the_picture(pictures: Tensor, decorrelate: bool) -> None:
    waves = Fourier(decorrelate)
    size = (pictures.shape[2], pictures.shape[3])
    again = waves.decode(waves.encode(pictures), size)
    assert torch.allclose(again, pictures.clamp(1e-3, 1 - 1e-3), atol=1e-12)
    assert torch.equal(Pixels().decode(Pixels().encode(pictures), size), pictures)
    clamped = Pixels().encode(pictures * 3 - 1)
    assert torch.equal(clamped, (pictures * 3 - 1).clamp(0, 1))


def test_one_wave_is_one_number_and_its_height_is_its_length() -> None:
    numbers = torch.zeros(2, 1, 24, 16, 2, dtype=torch.float64)
    numbers[0, 0, 0, 3, 0] = numbers[1, 0, 0, 6, 0] = 1
    long, short = Fourier().decode(numbers, (24, 30)).logit()[:, 0]
    across = torch.arange(30, dtype=torch.float64)
    assert torch.allclose(long / long.max(), torch.cos(2 * math.pi * 3 * across / 30).expand(24, 30), atol=1e-9)
    assert long.max() / short.max() == pytest.approx(2)
    even = torch.zeros_like(numbers[:1])
    even[..., 0, 0, 0] = 1  # counted once, where a wave is counted with its mirror image
    assert Fourier().decode(even, (24, 30)).logit()[:, 0].max() / long.max() == pytest.approx(30 / (2 * 10))


def test_the_mixing_of_colours_has_the_covariance_of_its_source() -> None:
    axes, variances = (torch.tensor(values, dtype=torch.float64) for values in (AXES, VARIANCES))
    covariance = axes @ variances.diag() @ axes.T
    assert torch.allclose(mixing() @ mixing().T, covariance, atol=1e-15)
    assert torch.allclose(torch.linalg.eigvalsh(covariance).flip(0), variances, atol=1e-4)
    independent = torch.randn(3, 200_000, generator=generator(), dtype=torch.float64)
    assert torch.allclose(torch.cov(mixing() @ independent), covariance, atol=2e-3)
    numbers = torch.randn(1, 3, 64, 33, 2, generator=generator(), dtype=torch.float64)
    colours = torch.corrcoef(Fourier().decode(numbers, (64, 64)).logit()[0].flatten(1))
    scale = covariance.diag().sqrt()
    assert torch.allclose(colours, covariance / torch.outer(scale, scale), atol=0.1)
    plain = torch.corrcoef(Fourier(decorrelate=False).decode(numbers, (64, 64)).logit()[0].flatten(1))
    assert (plain - torch.eye(3)).abs().max() < 0.4 < colours.min()


def test_a_step_has_its_length_item_by_item() -> None:
    gradient = torch.stack([PICTURES[0], 1000 * PICTURES[0], 0 * PICTURES[0]])
    step = optimisers.steepest(0.01)(gradient)
    assert torch.allclose(step.pow(2).mean((1, 2, 3)).sqrt(), torch.tensor([0.01, 0.01, 0], dtype=torch.float64))
    assert torch.allclose(step[0], step[1])


def test_adam_is_that_of_the_paper_and_goes_up() -> None:
    rule = optimisers.adam(0.05)
    mean, square = torch.zeros_like(PICTURES), torch.zeros_like(PICTURES)
    steps = []
    for number in range(1, 6):
        slope = (PICTURES - 0.3 * number).sin()
        mean, square = 0.9 * mean + 0.1 * slope, 0.999 * square + 0.001 * slope**2
        expected = 0.05 * (mean / (1 - 0.9**number)) / ((square / (1 - 0.999**number)).sqrt() + 1e-12)
        steps.append((rule(slope), expected))
    for step, expected in steps:  # no step is changed by those that follow
        assert torch.allclose(step, expected, atol=1e-12)
    assert not optimisers.adam(1)(torch.zeros(2, 3)).any()


def test_pixels_to_inputs_and_back() -> None:
    normalised = PixelSpace.of(PICTURES, (0.5, 0.4, 0.3), (0.2, 0.3, 0.4))
    inputs = normalised.inputs(PICTURES)
    assert torch.allclose(inputs[:, 1], (PICTURES[:, 1] - 0.4) / 0.3)
    assert torch.allclose(normalised.pixels(inputs), PICTURES)
    assert torch.equal(PixelSpace.of(PICTURES, None, None).inputs(PICTURES), PICTURES)  # in [0, 1]: as they are
    own = PixelSpace.of(inputs, None, None)
    assert torch.allclose(own.inputs(own.pixels(inputs)), inputs)
    assert own.pixels(inputs).amin((1, 2, 3)).tolist() == pytest.approx([0, 0])
    assert own.pixels(inputs).amax((1, 2, 3)).tolist() == pytest.approx([1, 1])
    assert torch.equal(normalised.pixels(inputs * 50), normalised.pixels(inputs * 50).clamp(0, 1))
    with refused(culprit="mean (0.5,) and std (0.2,)", accepted="one number per channel"):
        PixelSpace.of(PICTURES, (0.5,), (0.2,))


def test_on_a_linear_network_the_steepest_way_is_the_weights() -> None:
    model = Linear().double()
    view = View(model)
    start = torch.full((1, 3, 4, 5), 0.5, dtype=torch.float64)
    ascent = Ascent(view, PixelSpace.of(start, None, None), objectives.channel("maps", 2), optimisers.steepest(0.01))
    steps = list(ascent.run(start, 3, generator()))
    weights = model.maps.weight[2, :, 0, 0].detach()
    expected = 0.5 + 0.03 * weights / weights.square().mean().sqrt()
    assert torch.allclose(steps[-1].pixels, expected[None, :, None, None].expand_as(start))
    assert torch.allclose(steps[0].value, weights.sum()[None] / 2)
    assert torch.equal(start, torch.full_like(start, 0.5))


def test_objectives_of_several_layers_are_climbed_together() -> None:
    model = resnet18().double()
    both = objectives.channel("layer1", 3) + 2 * objectives.channel("layer2.0.conv1", 5)
    ascent = Ascent(View(model), PixelSpace.of(EVEN, None, None), both, optimisers.steepest(0.01))
    values = [float(step.value.sum()) for step in ascent.run(EVEN, 6, generator())]
    assert values == sorted(values)
    alone = [
        next(
            Ascent(View(model), PixelSpace.of(EVEN, None, None), one, optimisers.steepest(0.01)).run(
                EVEN, 1, generator()
            )
        )
        for one in (objectives.channel("layer1", 3), objectives.channel("layer2.0.conv1", 5))
    ]
    assert values[0] == pytest.approx(float((alone[0].value + 2 * alone[1].value).sum()))


def test_the_forward_pass_stops_at_the_last_layer_that_is_wanted_and_the_graph_goes_down_to_the_pixels() -> None:
    view = View(Tricky().double())
    view.record_calls(PICTURES)
    ran: list[str] = []
    view.modules["classifier"].register_forward_hook(lambda *_: ran.append("classifier"))
    leaf = PICTURES.clone().requires_grad_()
    outputs = view.outputs_of(leaf, ["late", "early"])
    assert ran == []
    assert torch.equal(outputs["early"], view.capture(PICTURES, "early"))
    assert torch.equal(outputs["late"], view.capture(PICTURES, "late"))
    assert torch.autograd.grad(outputs["late"].sum(), leaf)[0].any()
    with refused(culprit="spare", hint="a layer that runs"):
        view.outputs_of(PICTURES, ["late", "spare"])


def test_a_unit_that_is_silent_everywhere_is_woken_and_the_others_are_as_they_were() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, 3), nn.ReLU()).double()
    with torch.no_grad():
        model.get_parameter("2.bias")[0] = -0.25
    space = PixelSpace.of(EVEN, None, None)
    silent = [n for n in range(4) if not View(model).capture(EVEN, "3")[:, n].any()]
    spoken = next(n for n in range(4) if n not in silent)
    assert silent
    for number in silent:
        channel = objectives.channel("3", number)
        for objective in (channel, channel - 1e-9 * penalties.total_variation()):  # which has a gradient of its own
            *_, last = Ascent(View(model), space, objective, optimisers.steepest(0.02)).run(EVEN, 40, generator())
            assert (last.value > 0).all()
    ascent = Ascent(View(model), space, objectives.channel("3", spoken), optimisers.steepest(0.01))
    leaf = EVEN.clone().requires_grad_()
    (slope,) = torch.autograd.grad(model(leaf)[:, spoken].mean((1, 2)).sum(), leaf)
    found = next(iter(ascent.run(EVEN, 1, generator()))).pixels
    assert torch.allclose(found, (EVEN + optimisers.steepest(0.01)(slope)).clamp(0, 1))


class Branches(nn.Module):
    """Two ways to one map; the second is silent where the picture is dark, the first where it is darker still."""

    def forward(self, inputs: Tensor) -> Tensor:
        return (inputs - 0.2).relu() + (inputs.mean(1, keepdim=True) - 0.9).relu()


def test_waking_one_picture_of_a_batch_leaves_the_others_alone() -> None:
    batch = torch.tensor([0.5, 0.1], dtype=torch.float64)[:, None, None, None].expand(2, 3, 4, 4)
    both, alone = (
        next(
            Ascent(
                View(Branches()), PixelSpace.of(part, None, None), objectives.channel("", 0), optimisers.steepest(0.01)
            ).run(part, 1, generator())
        ).pixels
        for part in (batch, batch[:1])
    )
    assert torch.equal(both[:1], alone)
    assert (both[1, 0] > batch[1, 0]).all()
