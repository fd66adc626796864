"""What users call is documented in full, and the examples of all docstrings run."""

import doctest
import inspect
import pkgutil
from importlib import import_module
from types import FunctionType, ModuleType

import pytest

import mirror_app
from mirror_app import engine, evaluation, images, live, optim, render
from mirror_app.visualisations import core, registry

Documented = type | FunctionType
# Running them would train a network, serve a page or end the program.
PROGRAMS = {"mirror_app.main", "mirror_app.__main__"}
MODULES = [
    module.name
    for module in pkgutil.walk_packages(mirror_app.__path__, "mirror_app.")
    if module.name not in PROGRAMS and "mirror_app.pages" not in module.name
]


def exported(module: ModuleType) -> list[Documented]:
    """Return the classes and functions that `module` offers, each under one name; looks as what renders them."""
    items = [getattr(module, name) for name in module.__all__]
    functions = [item.render if isinstance(item, render.Look) else item for item in items]
    return list({id(item): item for item in functions if isinstance(item, Documented)}.values())


PUBLIC = [item for item in exported(mirror_app) if item is not mirror_app.mirror]  # whose example would serve a page
VISUALISATIONS = [entry.kind for entry in registry.entries()]
USED = list(
    {
        item.__module__ + item.__qualname__: item
        for item in (
            *PUBLIC, *exported(core), *exported(engine), *exported(evaluation), *exported(images), *exported(live),
            *exported(optim), *exported(render),
        )
    }.values()
)  # fmt: skip


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_run(name: str) -> None:
    module = import_module(name)
    assert doctest.testmod(module, optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE).failed == 0


def test_the_example_of_a_look_is_found() -> None:
    assert [test.name for test in doctest.DocTestFinder().find(import_module("mirror_app.render.looks.heat"))
            if test.examples] == ["mirror_app.render.looks.heat.heat"]  # fmt: skip
    assert render.heat.__doc__ == render.heat.render.__doc__


@pytest.mark.parametrize("item", USED, ids=lambda item: item.__name__)
def test_what_users_call_has_an_example(item: Documented) -> None:
    assert ">>> " in (item.__doc__ or "")


@pytest.mark.parametrize("item", [item for item in USED if isinstance(item, FunctionType)], ids=lambda i: i.__name__)
def test_what_users_call_documents_each_argument_and_what_it_returns(item: FunctionType) -> None:
    text = item.__doc__ or ""
    for name in inspect.signature(item).parameters:
        assert f"\n        {name}: " in text or f"\n        *{name}: " in text or f"\n        **{name}: " in text, name
    assert "Returns:\n" in text or "Yields:\n" in text or item.__annotations__.get("return") is None


@pytest.mark.parametrize("kind", VISUALISATIONS, ids=lambda kind: kind.__name__)
def test_a_visualisation_documents_its_formula_its_parameters_and_its_paper(kind: type[core.Visualisation]) -> None:
    text = kind.__doc__ or ""
    summary, _, rest = text.partition("\n")
    assert summary.endswith(".")
    for section in ("Args:", "Returns:", "Raises:", "Example:", "References:"):
        assert f"    {section}\n" in rest, section
    for name, parameter in inspect.signature(kind.attribute).parameters.items():
        if parameter.kind is parameter.KEYWORD_ONLY:
            assert f"\n        {name}: " in rest, name
