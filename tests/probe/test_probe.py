"""A view is private: what is done on it is never seen by the model, and shows what the model does."""

import threading
from contextlib import suppress

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from mirror_app.probe import Pool, Rectifiers, View, guide
from tests.networks import Functional, Tricky, densenet, resnet18, squeezenet, state
from tests.refused import refused

PICTURE = torch.rand(2, 3, 64, 80, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("build", [resnet18, squeezenet, densenet, Tricky])
def test_a_view_shares_the_weights_and_gives_the_same_logits(build: type[nn.Module]) -> None:
    model = build().eval()
    view = View(model)
    assert torch.equal(view.record_calls(PICTURE), model(PICTURE))
    for mine, its in zip(view.module.parameters(), model.parameters(), strict=True):
        assert mine.data_ptr() == its.data_ptr()
        assert its.requires_grad
        assert not mine.requires_grad


@pytest.mark.parametrize("build", [resnet18, squeezenet, Tricky])
def test_what_is_captured_is_what_the_layer_gave(build: type[nn.Module]) -> None:
    model = build().eval()
    taken: dict[str, torch.Tensor] = {}
    for name, module in model.named_modules():
        module.register_forward_hook(lambda _m, _i, output, name=name: taken.__setitem__(name, output.clone()))
    model(PICTURE)
    for module in model.modules():
        module._forward_hooks.clear()
    view = View(model)
    for name, output in taken.items():
        assert torch.equal(view.capture(PICTURE, name), output), name
    with torch.no_grad():  # in one pass, which goes on behind each of them, and may work in place
        together = view.outputs_of(PICTURE, taken)
    for name, output in taken.items():
        assert torch.equal(together[name], output), name


def test_the_forward_pass_stops_at_the_layer() -> None:
    view = View(Tricky())
    view.record_calls(PICTURE)
    ran: list[str] = []
    view.modules["classifier"].register_forward_hook(lambda *_: ran.append("classifier"))
    view.capture(PICTURE, "late")
    assert ran == []


def test_the_graph_begins_at_the_layer() -> None:
    maps, output = View(Tricky()).split(PICTURE, "late")
    assert maps.is_leaf
    assert maps.requires_grad
    nodes, waiting = set(), [output.grad_fn]
    while waiting:
        node = waiting.pop()
        if node is not None and node not in nodes:
            nodes.add(node)
            waiting += [parent for parent, _ in node.next_functions]
    assert sum(node.name() == "ConvolutionBackward0" for node in nodes) == 1  # list.0 alone stands above `late`


def test_modules_functions_and_in_place_are_guided_alike() -> None:
    tricky = Tricky().double()
    gradients = []
    for model in (tricky, Functional(tricky)):
        pixels, output = View(model).run_from_inputs(PICTURE.double())
        guide(output, Rectifiers())
        gradients.append(torch.autograd.grad(output[:, 2].sum(), pixels)[0])
    assert torch.equal(*gradients)
    plain, output = View(tricky).run_from_inputs(PICTURE.double())
    assert not torch.allclose(torch.autograd.grad(output[:, 2].sum(), plain)[0], gradients[0])


@pytest.mark.parametrize(("activation", "culprit"), [(nn.GELU(), "Gelu"), (nn.SiLU(), "Silu"), (nn.Identity(), "")])
def test_guiding_what_has_no_relu_is_refused(activation: nn.Module, culprit: str) -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), activation, nn.Flatten(), nn.LazyLinear(3))
    model(PICTURE)
    _, output = View(model).run_from_inputs(PICTURE)
    with refused(culprit, accepted="rectifier", hint="the plain gradient"):
        guide(output, Rectifiers())


def test_a_layer_that_never_runs_is_named() -> None:
    with refused(culprit="spare", hint="a layer that runs"):
        View(Tricky()).capture(PICTURE, "spare")


def test_batch_norm_and_dropout_are_in_evaluation_mode_whatever_the_model_is_in() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Dropout(0.5)).train()
    before = state(model)
    view = View(model)
    assert torch.equal(view.record_calls(PICTURE), view.record_calls(PICTURE))
    assert state(model) == before


def test_frozen_models_and_weights_made_in_inference_mode_can_be_differentiated() -> None:
    with torch.inference_mode():
        model = Tricky()
    maps, output = View(model).split(PICTURE, "late")
    assert torch.autograd.grad(output[:, 0].sum(), maps)[0].any()
    frozen = Tricky().requires_grad_(False)
    maps, output = View(frozen).split(PICTURE, "late")
    assert torch.autograd.grad(output[:, 0].sum(), maps)[0].any()


def test_a_view_is_used_again_unless_its_computation_raised_or_changed_it() -> None:
    pool = Pool(Tricky().eval())
    with pool.lease() as first:
        first.record_calls(PICTURE)
    with pool.lease() as second:
        assert second is first
        second.module.train()
    lent = []
    with suppress(ZeroDivisionError), pool.lease() as third:
        lent.append(third)
        _ = 1 / 0
    with pool.lease() as fourth:
        assert len({first, *lent, fourth}) == 3


def test_a_model_that_was_changed_meanwhile_is_noticed() -> None:
    model = Tricky().eval()
    pool = Pool(model)
    with refused("Tricky", problem="changed"), pool.lease() as view, torch.no_grad():
        next(view.module.parameters()).add_(1)


def test_two_threads_never_share_a_view() -> None:
    model = resnet18()
    pool = Pool(model)
    alone = {}
    for target in range(4):
        pixels, output = View(model).run_from_inputs(PICTURE)
        if target % 2:
            guide(output, Rectifiers())
        alone[target] = torch.autograd.grad(output[:, target].sum(), pixels)[0]
    wrong: list[int] = []

    def look(target: int) -> None:
        for _ in range(5):
            with pool.lease() as view:
                pixels, output = view.run_from_inputs(PICTURE)
                if target % 2:
                    guide(output, Rectifiers())
                gradient = torch.autograd.grad(output[:, target].sum(), pixels)[0]
            if not F.cosine_similarity(gradient.flatten(), alone[target].flatten(), 0) > 0.9999:
                wrong.append(target)

    threads = [threading.Thread(target=look, args=(target,)) for target in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
