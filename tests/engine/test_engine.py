"""From a request to its result: by every way the same, bounded, and with a word where it cannot be."""

import threading
import time
from itertools import count

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mirror_app import engine
from mirror_app.engine.request import Request
from mirror_app.images import Preprocessing, from_array
from mirror_app.models import Model, catalogue
from mirror_app.models.cache import ModelCache
from mirror_app.models.device import device
from mirror_app.visualisations import registry
from tests.networks import ANYWHERE, Linear, Tricky, quick, resnet18
from tests.refused import refused

PICTURE = from_array(np.random.default_rng(0).integers(0, 255, (90, 120, 3), dtype=np.uint8), "noise")
RUNS = count(1)  # of a model that keeps them where no copy of it reaches
PREPROCESSING = Preprocessing(size=64, resize=64, mean=(0.5,) * 3, std=(0.25,) * 3)


def model(module: nn.Module, name: str = "test") -> Model:
    return Model(name, module.eval(), PREPROCESSING, tuple("abcdefghij"))


def request(layer: str, visualisation: str = "grad-cam", **params: object) -> Request:
    canonical = registry.get(visualisation).canonical(params)  # type: ignore[arg-type]
    return Request("test", PICTURE.id, layer, visualisation, canonical)


@pytest.mark.minutes
@pytest.mark.parametrize("entry", ANYWHERE, ids=lambda entry: entry.key)
def test_the_engine_gives_the_bits_that_python_gives(entry: registry.Entry) -> None:
    net = resnet18()
    result = engine.run(request("layer3", entry.key, **quick(entry)), model(net), PICTURE)
    visualisation = entry.kind(net, mean=PREPROCESSING.mean, std=PREPROCESSING.std)
    _, info = visualisation(PREPROCESSING.prepare(PICTURE), "layer3", **quick(entry))
    assert np.array_equal(result.raw, info["raw"].detach().numpy())
    assert result.seconds > 0
    images = engine.render_images(request("layer3", entry.key), result.raw, PREPROCESSING.model_input_rgb(PICTURE))
    assert images.min() >= 0
    assert images.max() <= 1


def test_the_look_is_no_part_of_what_is_computed() -> None:
    plain, coloured = request("maps"), request("maps", strength=0.1, colours="jet")
    assert plain != coloured
    assert engine.without_render_params(plain) == engine.without_render_params(coloured)
    assert engine.without_render_params(request("maps", guide=True)) != engine.without_render_params(plain)


def test_predictions_are_the_softmax_of_the_logits() -> None:
    net = resnet18()
    expected = net(PREPROCESSING.prepare(PICTURE)).softmax(1)[0]
    assert np.allclose(engine.predict(model(net), PICTURE).probabilities, expected.detach(), atol=1e-7)
    maps = engine.predict(model(nn.Conv2d(3, 5, 1)), PICTURE)
    assert (len(maps.probabilities), maps.output_summary.split(" × ")[0]) == (0, "5")


def test_an_answer_says_whether_the_private_copy_gives_it_too() -> None:
    assert engine.predict(model(resnet18()), PICTURE).deviation == 0

    class Counting(Linear):
        def forward(self, inputs: Tensor) -> Tensor:
            return super().forward(inputs) * next(RUNS)

    assert engine.predict(model(Counting()), PICTURE).deviation > 1e-4

    class Random(Linear):
        def forward(self, inputs: Tensor) -> Tensor:
            return super().forward(inputs + torch.rand_like(inputs))

    first, second = (engine.predict(model(Random()), PICTURE) for _ in range(2))
    assert first.deviation == 0  # it draws the same again
    assert np.array_equal(first.answers, second.answers)


def test_numbers_that_are_not_finite_are_refused_and_the_layer_is_named() -> None:
    net = Linear()
    nn.init.constant_(net.maps.weight, float("nan"))
    for key in ("grad-cam", "activations"):
        with refused(culprit="maps", hint="NaN"):
            engine.run(request("maps", key), model(net), PICTURE)


def test_the_tree_of_the_bundled_model_reaches_every_layer() -> None:
    listed = engine.tree(catalogue.load("shapes"))
    assert all(layer.call for layer in listed)
    assert listed[0].name == ""
    assert [layer.name for layer in engine.tree(model(Tricky())) if not layer.call] == ["list", "spare"]


def test_the_shelf_holds_at_most_so_many_bytes_and_forgets_what_was_used_longest_ago() -> None:
    loads: list[str] = []

    def load(name: str) -> Model:
        loads.append(name)
        return model(nn.Linear(10, 10, bias=False), name)  # 400 bytes

    shelf = ModelCache(load, limit=1000)
    for name in ("a", "b", "a", "c", "a", "b"):
        assert shelf.get(name).name == name
        assert shelf.bytes <= 1000
    assert loads == ["a", "b", "c", "b"]
    huge = ModelCache(lambda name: model(nn.Linear(1000, 1000), name), limit=1000)
    assert huge.get("a") is huge.get("a")


def test_a_model_that_many_ask_for_at_once_is_loaded_once() -> None:
    loads: list[str] = []

    def load(name: str) -> Model:
        loads.append(name)
        time.sleep(0.1)
        return model(nn.Linear(2, 2), name)

    shelf = ModelCache(load, limit=10**6)
    found: list[Model] = []
    threads = [threading.Thread(target=lambda: found.append(shelf.get("a"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert loads == ["a"]
    assert len(set(map(id, found))) == 1


def test_an_unknown_model_is_named_with_the_nearest() -> None:
    with refused(culprit="shape", accepted=["shapes", "resnet18"], hint="'shapes'"):
        catalogue.load("shape")


def test_the_device_is_the_one_that_is_asked_for_and_a_wrong_one_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIRROR_DEVICE", "cpu")
    assert device() == torch.device("cpu")
    for wrong in ("gpu", "cuda:99", "tpu"):
        monkeypatch.setenv("MIRROR_DEVICE", wrong)
        with refused(culprit=wrong, accepted=("cpu", "cuda", "mps")):
            device()
    monkeypatch.delenv("MIRROR_DEVICE")
    assert device().type in ("cpu", "cuda", "mps")
