"""The house as it is drawn: who stands higher may import what stands lower, never back, and there is no circle."""

import ast
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from tests import ROOT
from tests.packages import DOCUMENT, LAYERS, table

LEVEL = {package: number for number, layer in enumerate(LAYERS) for package in layer}

UPSTAIRS = (
    "mirror_app.ui",
    "mirror_app.main",
    "mirror_app.dashboard",
    "mirror_app.live.server",
    "mirror_app.hosting",
    "pages",
)


def name_of(file: Path) -> str:
    return ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


FILES = {name_of(file): file for folder in ("mirror_app", "pages") for file in (ROOT / folder).rglob("*.py")}
PACKAGES = {
    "mirror_app",
    "mirror_app.ui",
    "mirror_app.visualisations",
}  # not packages of the list


def package_of(module: str) -> str:
    return max(
        (package for package in LEVEL if module == package or module.startswith(f"{package}.")), key=len, default=""
    )


def imports_of(module: str, at_once: bool = False) -> set[str]:
    """The modules of the house that a module imports, wherever in its file, or as soon as it is imported itself."""
    found = set()
    tree = ast.parse(FILES[module].read_text(encoding="utf-8"))
    for node in tree.body if at_once else ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{module} imports relatively"
            full = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in FILES else node.module for name in full}
    return {name for name in found if name in FILES}


@pytest.mark.parametrize("module", sorted(FILES))
def test_every_module_has_its_package_and_imports_only_downwards(module: str) -> None:
    if module in PACKAGES:
        assert imports_of(module, at_once=True) <= {"mirror_app.former_imports"}, f"{module} imports more than it must"
        return
    package = package_of(module)
    assert package, f"{module} is in no package"
    for other in imports_of(module):
        below = package_of(other)
        assert below == package or LEVEL[below] < LEVEL[package], (
            f"{module} imports {other}, which does not stand below it"
        )


def test_no_module_imports_itself_by_a_detour() -> None:
    done: set[str] = set()

    def visit(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, " → ".join((*path, module))
        if module not in done:
            for other in imports_of(module):
                visit(other, (*path, module))
            done.add(module)

    for module in FILES.keys() - PACKAGES:  # whose doors are opened only when one is asked for
        visit(module, ())


def test_streamlit_is_known_upstairs_only_and_hooks_in_the_probe_only() -> None:
    for module, file in FILES.items():
        text = file.read_text(encoding="utf-8")
        if not module.startswith(UPSTAIRS):
            assert "streamlit" not in text.lower(), module
        if package_of(module) != "mirror_app.probe":
            assert "_hook(" not in text, module
            assert "prehook(" not in text, module
        if module != "mirror_app.bundled.training":  # training alone may touch the gradients of weights
            assert ".backward(" not in text, module


def test_no_module_beside_main_has_the_name_of_one_that_is_installed() -> None:
    mine = {path.stem for path in (ROOT / "mirror_app").iterdir() if path.suffix == ".py" or path.is_dir()}
    others = set(sys.stdlib_module_names) | (set(packages_distributions()) - {"mirror_app"})
    assert not (mine - {"__init__", "__pycache__"}) & others


def test_files_and_functions_fit_the_eye() -> None:
    for module, file in FILES.items():
        text = file.read_text(encoding="utf-8")
        assert len(text.splitlines()) <= 300, module
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef) and node.end_lineno:
                documentation = len((ast.get_docstring(node, clean=False) or "").splitlines())
                assert node.end_lineno - node.lineno - documentation <= 60, f"{module}.{node.name}"


def test_the_packages_in_contributing_are_those_that_are_checked() -> None:
    assert table() in DOCUMENT.read_text(encoding="utf-8"), "python -m tests.packages"
