"""A look is an object: what it renders, its scale, its colour bar, and what else is to know about it."""

import ast
import inspect
from typing import Annotated, Any

import pytest
import torch
from torch import Tensor

from mirror_app import render
from mirror_app.params import Slider
from mirror_app.render import Legend, Look, look
from tests import ROOT
from tests.refused import refused

RAW, PICTURE = torch.tensor([[[0.0, 1.0], [2.0, 4.0]]]), torch.zeros(1, 3, 2, 2)


def dim(raw: Tensor, picture: Tensor, *, light: Annotated[float, Slider("How bright.")] = 1.0) -> Tensor:
    """Return the numbers in grey."""
    return (raw * light / raw.max())[:, None].expand(-1, 3, -1, -1)


def test_a_look_is_called_as_its_function_and_has_its_name_its_help_and_its_parameters() -> None:
    made = look(is_evidence=True)(dim)
    assert torch.equal(made(RAW, PICTURE, light=0.5), dim(RAW, PICTURE, light=0.5))
    assert (vars(made)["__name__"], made.__doc__, made.__module__) == ("dim", "Return the numbers in grey.", __name__)
    assert inspect.signature(made) == inspect.signature(dim)
    assert list(made.params) == ["light"]
    assert made.is_evidence
    assert not made.shows_rgb


def test_a_look_of_a_plain_function_has_no_scale_no_colour_bar_and_is_no_evidence() -> None:
    made = Look(dim)
    assert render.vmax(made, RAW, PICTURE, light=1.0) is None
    assert render.legend(made, RAW.shape, 4.0, light=1.0) is None
    assert not made.is_evidence


def test_what_a_look_says_about_itself_is_asked_with_all_its_parameters() -> None:
    asked: list[dict[str, Any]] = []

    def vmax(raw: Tensor, picture: Tensor, **params: Any) -> float:
        asked.append(params)
        return float(raw.max())

    def legend(raw_shape: tuple[int, ...], vmax: float, **params: Any) -> Legend:
        asked.append(params)
        return Legend(("#000000", "#ffffff"), 0.0, vmax)

    @look(vmax=vmax, legend=legend)
    def own(raw: Tensor, picture: Tensor, *, light: float = 1.0, vmax: float | None = None) -> Tensor:
        return raw

    peak = render.vmax(own, RAW, PICTURE, light=0.5)
    assert peak == 4
    assert render.legend(own, RAW.shape, peak, light=0.5) == Legend(("#000000", "#ffffff"), 0.0, 4.0)
    assert asked == [{"light": 0.5}, {"light": 0.5}]
    assert render.legend(own, RAW.shape, 0.0, light=0.5) is None  # zero everywhere: no number has a colour of its own
    assert len(asked) == 2


def test_a_look_with_a_scale_must_take_it() -> None:
    with refused("dim"):
        look(vmax=lambda raw, picture, **params: 1.0)(dim)
    assert look(vmax=lambda raw, picture, **params: 1.0)(lambda raw, picture, **params: raw).vmax is not None


def test_a_look_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        render.heat.is_evidence = False  # type: ignore[misc]


def test_the_looks_say_what_they_are() -> None:
    looks = {name: item for name in render.__all__ if isinstance(item := getattr(render, name), Look)}
    assert set(looks) == {"heat", "gradient", "tiles", "picture", "weights"}
    assert {name for name, item in looks.items() if item.is_evidence} == {"heat", "gradient"}
    assert {name for name, item in looks.items() if item.shows_rgb} == {"picture", "weights"}
    assert {name for name, item in looks.items() if item.vmax} == {"heat", "gradient"}
    assert {name for name, item in looks.items() if item.legend} == {"heat"}


def test_grey_is_zero_in_a_gradient_in_colour_only() -> None:
    assert render.gradient.hint is not None
    assert [render.gradient.hint(show=show, contrast=0.5) for show in ("colour", "grey")] == ["Grey is zero.", ""]


def test_the_order_of_tiles_is_the_one_they_are_drawn_in() -> None:
    raw = torch.tensor([1.0, 5.0, 3.0]).reshape(1, 3, 1, 1) * torch.tensor([[1.0, 0.0]])
    assert render.tiles.order is not None
    by_number, strongest = render.ORDERS
    assert render.tiles.order(raw, scale="all maps", order=by_number, colours="grey") is None
    order = render.tiles.order(raw, scale="all maps", order=strongest, colours="grey")
    plain, ordered = (render.tiles(raw, raw, scale="all maps", order=name) for name in render.ORDERS)
    assert torch.equal(ordered, plain[order])


def test_no_look_is_known_by_its_identity() -> None:
    looks = {name for name in render.__all__ if isinstance(getattr(render, name), Look)}
    for folder in ("mirror_app", "pages"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Compare):
                    for operand in (node.left, *node.comparators):
                        text = ast.unparse(operand)
                        assert text.rpartition(".")[2] != "look", f"{path}: {ast.unparse(node)}"
                        assert not any(f"render.{name}" in text for name in looks), f"{path}: {ast.unparse(node)}"
