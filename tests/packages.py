"""The packages in the order in which they may import each other: `python -m tests.packages` writes CONTRIBUTING."""

import ast

from tests import ROOT

# From the bottom up. Packages in the same list may not import each other.
LAYERS = [
    [
        "mirror_app.errors",
        "mirror_app.precision",
        "mirror_app.former_imports",
        "mirror_app.dashboard",
        "mirror_app.turns",
        "mirror_app.activity",
    ],
    ["mirror_app.targets", "mirror_app.layers", "mirror_app.decoding"],
    ["mirror_app.params", "mirror_app.images"],
    ["mirror_app.render", "mirror_app.probe", "mirror_app.bundled"],
    ["mirror_app.settings", "mirror_app.optim"],
    ["mirror_app.models", "mirror_app.hosting"],
    ["mirror_app.visualisations.registry", "mirror_app.visualisations.elements"],
    ["mirror_app.visualisations.core"],
    ["mirror_app.visualisations.custom"],
    ["mirror_app.visualisations.web"],
    ["mirror_app.visualisations.installed"],
    ["mirror_app.engine"],
    ["mirror_app.evaluation", "mirror_app.export", "mirror_app.live"],
    ["mirror_app.cli"],
    ["mirror_app.__main__", "mirror_app.ui.state", "mirror_app.ui.appearance"],
    ["mirror_app.ui.store", "mirror_app.ui.components"],
    ["mirror_app.ui.common"],
    [
        "mirror_app.ui.sidebar",
        "mirror_app.ui.explore",
        "mirror_app.ui.compare",
        "mirror_app.ui.trust",
        "mirror_app.ui.guide",
    ],
    ["mirror_app.ui.architecture", "mirror_app.ui.dream", "mirror_app.ui.gallery"],
    ["pages", "mirror_app.ui.navigation"],
    ["mirror_app.main"],
]
DOCUMENT = ROOT / "CONTRIBUTING.md"
BEGIN, END = "| package | what is in it |\n| --- | --- |\n", "\n## Add a visualisation"


def table() -> str:
    """Return the rows of the table of packages, from the top down, each with the first line of its docstring."""
    packages = [package for layer in reversed(LAYERS) for package in layer]
    return "".join(f"| `{_path(package)}` | {_first_line(package)} |\n" for package in packages)


def _path(package: str) -> str:
    folder = package.replace(".", "/")
    return f"{folder}/" if (ROOT / folder).is_dir() else f"{folder}.py"


def _first_line(package: str) -> str:
    path = ROOT / _path(package)
    if package == "pages":
        return "The pages: each reads the selection, asks the store for results, and shows them."
    text = (path / "__init__.py" if path.is_dir() else path).read_text(encoding="utf-8")
    return (ast.get_docstring(ast.parse(text)) or "").partition("\n")[0]


def main() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    start, end = text.index(BEGIN) + len(BEGIN), text.index(END)
    DOCUMENT.write_text(text[:start] + table() + text[end:], encoding="utf-8")


if __name__ == "__main__":
    main()
