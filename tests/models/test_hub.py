"""Models by name: real files of timm, Transformers and open_clip, from a hub on loopback that can also fail."""

import importlib.util
import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import huggingface_hub
import numpy as np
import open_clip
import pytest
import streamlit as st
import timm
import torch
from PIL import Image
from timm.data.config import resolve_data_config
from timm.data.transforms_factory import create_transform
from torch import Tensor
from transformers import AutoImageProcessor, AutoModelForImageClassification

from mirror_app import engine, layers
from mirror_app.cli import main
from mirror_app.engine.request import Request
from mirror_app.errors import MirrorError
from mirror_app.images import Picture, from_array
from mirror_app.models import Model, catalogue, downloads
from mirror_app.models.huggingface import folder, loading, names, repository
from mirror_app.models.transfer import DownloadProgress
from mirror_app.probe.output_kind import OutputKind
from mirror_app.settings.limits import PROFILES
from mirror_app.settings.server import server_settings
from mirror_app.visualisations import registry
from tests.app import lives, page, plain
from tests.models import hub_repositories
from tests.models.hub_repositories import REPOSITORIES, change_config
from tests.models.hub_server import HubServer, serving
from tests.refused import refused

DEIT, VIT, CLIP = "timm/deit3_small_patch16_224.fb_in1k", "someone/tiny-vit", "someone/tiny-clip"
NO_ATTENTION = ("someone/tiny-convnext", "someone/tiny-segformer")
PHOTO = np.random.default_rng(0).integers(0, 256, (90, 130, 3), np.uint8)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All repositories, saved once."""
    root = tmp_path_factory.mktemp("saved")
    for name in REPOSITORIES:
        hub_repositories.save(name, root)
    return root


@pytest.fixture
def hub(saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    """A hub whose repositories may be changed, and an empty cache."""
    root = tmp_path / "hub"
    shutil.copytree(saved, root)
    st.cache_resource.clear()
    st.cache_data.clear()
    with serving(root) as server:
        constants = huggingface_hub.constants
        monkeypatch.setattr(constants, "ENDPOINT", server.url)
        monkeypatch.setattr(
            constants, "HUGGINGFACE_CO_URL_TEMPLATE", server.url + "/{repo_id}/resolve/{revision}/{filename}"
        )
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
        yield server


def photo() -> Picture:
    return from_array(PHOTO, "photo")


def prepared_by_library(name: str, path: Path) -> Tensor:
    match folder.require_library(path, name):
        case folder.Library.TIMM:
            module = timm.create_model(f"local-dir:{path}", pretrained=True)
            inputs: Tensor = create_transform(**resolve_data_config(model=module))(Image.fromarray(PHOTO))[None]
        case folder.Library.TRANSFORMERS:
            inputs = AutoImageProcessor.from_pretrained(path)(PHOTO.copy(), return_tensors="pt")["pixel_values"]
        case folder.Library.OPEN_CLIP:
            *_, transform = open_clip.create_model_and_transforms(f"local-dir:{path}")
            inputs = transform(Image.fromarray(PHOTO))[None]
    return inputs


@pytest.mark.parametrize("name", REPOSITORIES)
def test_a_model_is_given_pictures_as_its_own_library_prepares_them(name: str, saved: Path) -> None:
    ours = loading.load(saved / name, name).inputs(photo())
    theirs = prepared_by_library(name, saved / name)
    assert ours.shape == theirs.shape
    # Transformers resizes tensors, whose rounding differs from that of Pillow by a level or two.
    assert (ours - theirs).abs().max() < (1e-6 if "tiny" not in name or "open-clip" in name else 0.05)


KINDS = {
    DEIT: OutputKind.CLASSES,
    "timm/vit_base_patch16_siglip_224.webli": OutputKind.EMBEDDING,
    VIT: OutputKind.CLASSES,
    "someone/tiny-convnext": OutputKind.CLASSES,
    "someone/tiny-segformer": OutputKind.REGIONS,
    "someone/tiny-dinov2": OutputKind.EMBEDDING,
    CLIP: OutputKind.EMBEDDING,
    "someone/tiny-siglip": OutputKind.EMBEDDING,
    "someone/tiny-open-clip": OutputKind.EMBEDDING,
}


@pytest.mark.parametrize("name", REPOSITORIES)
def test_a_model_of_each_library_opens_by_its_name_and_shows_a_map(name: str, hub: HubServer) -> None:
    model, picture = catalogue.load(name), photo()
    assert (model.kind, model.output and model.output.assumed) == (KINDS[name], False)
    target = 0 if model.classes else str(engine.predict(model, picture).most_confident_target)
    request = Request(
        name, picture.id, layers.default_layer(engine.tree(model)), "grad-cam", (("target_class", target),)
    )
    raw = engine.run(request, model, picture).raw
    assert np.isfinite(raw).all()
    assert np.abs(raw).max() > 0


@cache
def loaded(name: str) -> Model:
    return catalogue.load(name)


@pytest.mark.parametrize("name", [name for name in REPOSITORIES if name not in NO_ATTENTION])
@pytest.mark.parametrize("key", ["attention", "attention-rollout", "legrad", "attention-relevance", "lrp"])
def test_attention_and_relevance_of_a_model_by_name(name: str, key: str, hub: HubServer) -> None:
    model, picture = loaded(name), photo()
    entry = registry.get(key)
    values = {"rule": "attnlrp"} if key == "lrp" else {}
    if "target_class" in entry.params:
        values["target_class"] = "0"
    parsed = {key: entry.parse(key, value) for key, value in values.items()}
    layer = layers.default_layer(engine.tree(model), entry.kind.before_last)
    request = Request(name, picture.id, layer, key, entry.canonical(parsed))
    assert np.isfinite(engine.run(request, model, picture).raw).all()


def test_the_classes_are_those_of_the_repository(hub: HubServer) -> None:
    assert catalogue.load(VIT).classes == ("cat", "dog", "owl")
    assert catalogue.load(DEIT).classes[:2] == ("tench", "goldfish")
    assert catalogue.load("someone/tiny-segformer").labels == ("cat", "dog", "owl")


def test_the_weights_are_those_of_the_repository(hub: HubServer) -> None:
    inputs = torch.randn(1, 3, 64, 64)
    theirs = AutoModelForImageClassification.from_pretrained(hub.root / VIT).eval()
    assert torch.equal(catalogue.load(VIT).module(inputs).logits, theirs(inputs).logits)


def test_a_downloaded_model_needs_no_hub(hub: HubServer) -> None:
    assert VIT not in catalogue.names()
    catalogue.load(VIT)
    hub.requests.clear()
    catalogue.load(VIT)
    assert hub.requests == []
    assert VIT in catalogue.names()


def test_what_is_on_this_computer_comes_first_and_has_no_size(hub: HubServer) -> None:
    assert catalogue.download_sizes()[DEIT] > 80e6
    catalogue.load(DEIT)
    assert DEIT not in catalogue.download_sizes()
    listed = catalogue.names()
    assert listed.index(DEIT) < listed.index("alexnet")
    assert len(listed) == len(set(listed)) > 1800


def test_a_slow_download_shows_its_progress(hub: HubServer) -> None:
    hub.mood = "slow"
    *steps, model = catalogue.load_with_progress(DEIT)
    shares = [step.share for step in steps if isinstance(step, DownloadProgress)]
    assert shares == sorted(shares)
    assert any(0 < share < 1 for share in shares)
    assert isinstance(model, Model)


@pytest.mark.parametrize(
    ("mood", "words"), [("altered", "damaged"), ("broken", "answered 500"), ("gated", "accepted its terms")]
)
def test_a_failed_download_costs_one_sentence_and_heals(hub: HubServer, mood: str, words: str) -> None:
    hub.mood = mood
    with refused(VIT):
        catalogue.load(VIT)
    with pytest.raises(MirrorError, match=words):
        catalogue.load(VIT)
    hub.mood = "whole"
    assert catalogue.load(VIT).classes == ("cat", "dog", "owl")


def test_a_download_that_is_cut_short_is_refused_and_heals(hub: HubServer) -> None:
    hub.mood = "cut"
    with pytest.raises(MirrorError, match=r"could not be downloaded|cut short"):
        catalogue.load(VIT)
    hub.mood = "whole"
    assert catalogue.load(VIT).classes == ("cat", "dog", "owl")


def test_a_name_that_the_hub_does_not_have_is_refused_with_the_nearest(hub: HubServer) -> None:
    with refused("timm/deit3_small_patch16_224.fb_in2k", accepted=[DEIT]) as caught:
        catalogue.load("timm/deit3_small_patch16_224.fb_in2k")
    assert "deit3_small_patch16_224.fb_in" in str(caught.value)


def test_without_a_network_the_sentence_names_what_is_on_this_computer(
    hub: HubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalogue.load(VIT)
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(MirrorError, match=f"cannot be reached.*{VIT}"):
        catalogue.load(CLIP)


def test_a_full_disk_is_refused_before_the_download(hub: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(hub.root)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage._replace(free=50_000))
    with pytest.raises(MirrorError, match="full"):
        catalogue.load(VIT)
    assert not any("safetensors" in request for request in hub.requests if request.startswith("GET"))


def test_only_safetensors_are_downloaded(hub: HubServer) -> None:
    (hub.root / VIT / "model.safetensors").rename(hub.root / VIT / "pytorch_model.bin")
    with refused(VIT, accepted="a repository with a .safetensors file"):
        catalogue.load(VIT)
    assert not any("pytorch_model.bin" in request for request in hub.requests)


def test_code_in_a_repository_is_never_run(hub: HubServer, tmp_path: Path) -> None:
    path, trace = hub.root / VIT, tmp_path / "trace"
    code = f"import pathlib\npathlib.Path({str(trace)!r}).touch()\n"
    (path / "modelling.py").write_text(code, encoding="utf-8")
    change_config(path, model_type="mine", auto_map={"AutoConfig": "modelling.Config"})
    with refused(VIT):
        catalogue.load(VIT)
    assert not trace.exists()
    assert not any("modelling" in request for request in hub.requests)


def test_weights_that_do_not_cover_the_model_are_refused(saved: Path, tmp_path: Path) -> None:
    path = tmp_path / "more-layers"
    shutil.copytree(saved / VIT, path)
    change_config(path, num_hidden_layers=4)
    with pytest.raises(MirrorError, match="is missing or has another shape"):
        loading.load(path, VIT)


def test_a_model_that_pads_pictures_is_refused(saved: Path, tmp_path: Path) -> None:
    path = tmp_path / "padded"
    shutil.copytree(saved / VIT, path)
    stated = json.loads((path / "preprocessor_config.json").read_text(encoding="utf-8"))
    (path / "preprocessor_config.json").write_text(
        json.dumps(stated | {"image_processor_type": "MobileViTImageProcessor", "do_flip_channel_order": True}),
        encoding="utf-8",
    )
    with pytest.raises(MirrorError, match="cannot reproduce"):
        loading.load(path, VIT)


@pytest.mark.parametrize(
    ("architecture", "model_type"), [("BertModel", "bert"), ("DetrForObjectDetection", "detr"), ("NoSuchClass", "vit")]
)
def test_a_model_for_something_else_is_refused_by_its_class(
    saved: Path, tmp_path: Path, architecture: str, model_type: str
) -> None:
    path = tmp_path / "other"
    shutil.copytree(saved / VIT, path)
    (path / "config.json").write_text(
        json.dumps({"model_type": model_type, "architectures": [architecture]}), encoding="utf-8"
    )
    with refused(architecture):
        loading.load(path, VIT)


@pytest.mark.parametrize(
    ("name", "package", "extra"),
    [(DEIT, "timm", "timm"), (VIT, "transformers", "hf"), (DEIT, "huggingface_hub", "timm")],
)
def test_without_a_package_the_sentence_says_what_to_install(
    hub: HubServer, monkeypatch: pytest.MonkeyPatch, name: str, package: str, extra: str
) -> None:
    find = importlib.util.find_spec
    for module in (repository, folder):
        monkeypatch.setattr(module, "find_spec", lambda wanted: None if wanted == package else find(wanted))
    with pytest.raises(MirrorError, match=rf"pip install '\.\[{extra}\]'"):
        catalogue.load(name)
    assert not any("model.safetensors" in request for request in hub.requests)


def test_a_timm_model_opens_untrained_without_a_download(hub: HubServer) -> None:
    name = "timm/vit_tiny_patch16_224.augreg_in21k_ft_in1k-untrained"
    one, two = (catalogue.load(name).module.state_dict() for _ in range(2))
    assert all(torch.equal(one[key], two[key]) for key in one)
    assert catalogue.load(name).untrained
    assert hub.requests == []


def test_the_models_of_other_data_sets_name_their_classes() -> None:
    for name, count in (("resnetv2_50x1_bit.goog_in21k", 21843), ("vit_tiny_patch16_224.augreg_in21k", 21843)):
        model = catalogue.load(f"timm/{name}-untrained")
        assert (len(model.classes), model.classes[0]) == (count, "organism, being")


SETTINGS = '[mirror]\nmodels_by_name = ["timm/*"]\n[ours]\npath = "tiny"\n'


@pytest.fixture
def settings_file(saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(saved / VIT, tmp_path / "tiny")
    file = tmp_path / "mirror.toml"
    file.write_text(SETTINGS, encoding="utf-8")
    monkeypatch.setenv("MIRROR_SETTINGS", str(file))
    return file


def test_the_owner_decides_which_models_may_be_named(settings_file: Path, hub: HubServer) -> None:
    assert catalogue.load(DEIT).name == DEIT
    with refused(VIT, accepted=("timm/*",)):
        catalogue.load(VIT)
    assert not any(VIT in request for request in hub.requests)
    assert "google/vit-base-patch16-224" not in catalogue.names()
    settings_file.write_text("[mirror]\nmodels_by_name = false\n", encoding="utf-8")
    with refused(DEIT):
        catalogue.check(DEIT)
    assert not any(names.is_hub_name(name) for name in catalogue.names())


def test_a_folder_opens_as_a_model_of_the_settings_file(settings_file: Path) -> None:
    model = catalogue.load("ours")
    assert (model.name, model.classes) == ("ours", ("cat", "dog", "owl"))
    settings_file.write_text('[ours]\npath = "tiny"\nclasses = ["a", "b", "c"]\n', encoding="utf-8")
    assert catalogue.load("ours").classes == ("a", "b", "c")


def test_strangers_open_no_model_by_name_unless_the_owner_lists_it(settings_file: Path) -> None:
    settings_file.write_text('[mirror]\nprofile = "hosted"\nvisitors = 7\n', encoding="utf-8")
    settings = server_settings()
    assert settings.models_by_name == ()
    assert settings.limits == replace(PROFILES["hosted"], visitors=7)
    with refused(DEIT):
        catalogue.check(DEIT)
    settings_file.write_text('[mirror]\nprofile = "hosted"\nmodels_by_name = ["timm/*"]\n', encoding="utf-8")
    catalogue.check(DEIT)


@pytest.mark.parametrize(
    ("content", "culprit"),
    [
        ("[mirror]\nmodels_by_name = 3\n", "3"),
        ("[mirror]\nmodels = true\n", "models"),
        ('[mirror]\nprofile = "open"\n', "open"),
        ('[mirror]\nprofile = ["hosted"]\n', "['hosted']"),
        ("[mirror]\nvisitors = 0\n", "0"),
        ("[mirror]\nseconds = true\n", "True"),
        ("[mirror]\nmetrics_port = 70000\n", "70000"),
        ('[mirror]\nfactory = "nets:small"\n', "mirror"),
        ('[ours]\npath = "nowhere"\n', "nowhere"),
        ('[ours]\npath = "tiny"\nsize = 64\n', "size"),
    ],
)
def test_wrong_settings_are_refused(settings_file: Path, content: str, culprit: str) -> None:
    settings_file.write_text(content, encoding="utf-8")
    with refused(culprit):
        catalogue.names()
        catalogue.load("ours")


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "a/b/c", "/absolute", "a--b/c", "a/..", "x" * 100 + "/y", "a/b\n"]
)
def test_only_a_name_of_the_hub_is_looked_up(name: str, hub: HubServer) -> None:
    with pytest.raises(MirrorError, match="There is no model"):
        catalogue.load(name)
    assert hub.requests == []


def test_the_address_of_a_model_stands_for_its_name() -> None:
    assert catalogue.without_address(f" https://huggingface.co/{VIT}/ ") == VIT


def test_downloads_are_listed_and_deleted(hub: HubServer, capsys: pytest.CaptureFixture[str]) -> None:
    catalogue.load(VIT)
    weights = (hub.root / VIT / "model.safetensors").stat().st_size
    assert downloads.sizes()[VIT] > weights
    assert main(["downloads"]) == 0
    assert VIT in capsys.readouterr().out
    assert main(["downloads", "--delete", VIT]) == 0
    assert VIT not in downloads.sizes()
    assert main(["downloads", "--delete", VIT]) == 1
    catalogue.load(VIT)


def test_models_are_searched_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "deit3_small"]) == 0
    listed = [line.split()[0] for line in capsys.readouterr().out.splitlines()[:-2]]
    assert DEIT in listed
    assert all("deit3_small" in name for name in listed)


def test_the_list_of_names_is_that_of_timm() -> None:
    version, *lines = names.TIMM_FILE.read_text(encoding="utf-8").splitlines()
    listed = [line.split()[0] for line in lines]
    assert listed == sorted(set(listed), key=listed.index)
    if version == f"timm {timm.__version__}":
        assert set(listed) <= set(timm.list_pretrained())
    assert names.timm_sizes()["timm/resnet50.a1_in1k"] == pytest.approx(25.6e6 * 4, rel=0.01)


def test_a_request_on_a_model_of_the_hub_survives_its_link(hub: HubServer) -> None:
    model = catalogue.load(VIT)
    layer = engine.tree(model)[-1].name
    request = Request(VIT, "photo", layer, "grad-cam")
    assert Request.from_query(request.to_query()) == request


@pytest.mark.page
def test_a_link_opens_a_model_of_the_hub(hub: HubServer) -> None:
    test = page(model=VIT, visualisation="attention-relevance")
    assert lives(test)
    assert test.query_params["model"] == VIT
    assert test.selectbox(key="model").proto.accept_new_options


@pytest.mark.page
def test_a_link_to_a_model_that_the_hub_does_not_have_costs_one_sentence(hub: HubServer) -> None:
    test = page(model="someone/nothing")
    assert not test.exception
    (sentence,) = [box.value for box in test.error]
    assert "someone/nothing" in plain(sentence)
    test.selectbox(key="model").select("shapes").run()
    assert lives(test)


@pytest.mark.page
def test_visitors_may_name_no_model_if_the_owner_says_so(settings_file: Path, hub: HubServer) -> None:
    settings_file.write_text("[mirror]\nmodels_by_name = false\n", encoding="utf-8")
    test = page(model=VIT)
    assert lives(test)
    assert test.query_params["model"] == "shapes"
    assert not test.selectbox(key="model").proto.accept_new_options
    assert not hub.requests
