"""The rooms of the house, in the one order of its imports: `python -m tests.rooms` writes it to CONTRIBUTING."""

import ast

from tests.browser import ROOT

# From the ground up; rooms of one line are neighbours that may not know each other.
FLOORS = [
    ["mirror_app.errors", "mirror_app.precision", "mirror_app.former_imports"],
    ["mirror_app.targets", "mirror_app.layers"],
    ["mirror_app.params", "mirror_app.images"],
    ["mirror_app.render", "mirror_app.probe", "mirror_app.bundled"],
    ["mirror_app.models", "mirror_app.optim"],
    ["mirror_app.visualisations.registry", "mirror_app.visualisations.elements"],
    ["mirror_app.visualisations.core"],
    ["mirror_app.visualisations.custom"],
    ["mirror_app.visualisations.web", "mirror_app.engine"],
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
    ["mirror_app.ui.architecture", "mirror_app.ui.dream"],
    ["pages", "mirror_app.main"],
]
DOCUMENT = ROOT / "CONTRIBUTING.md"
BEGIN, END = "| room | what is in it |\n| --- | --- |\n", "\n## Add a visualisation"


def table() -> str:
    """Return the rows of the table of rooms, from the roof down, each with the first line of its docstring."""
    rooms = [room for floor in reversed(FLOORS) for room in floor]
    return "".join(f"| `{_path(room)}` | {_first_line(room)} |\n" for room in rooms)


def _path(room: str) -> str:
    folder = room.replace(".", "/")
    return f"{folder}/" if (ROOT / folder).is_dir() else f"{folder}.py"


def _first_line(room: str) -> str:
    path = ROOT / _path(room)
    if room == "pages":
        return "The pages: each reads the selection, asks the store, and shows."
    text = (path / "__init__.py" if path.is_dir() else path).read_text(encoding="utf-8")
    return (ast.get_docstring(ast.parse(text)) or "").partition("\n")[0]


def main() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    start, end = text.index(BEGIN) + len(BEGIN), text.index(END)
    DOCUMENT.write_text(text[:start] + table() + text[end:], encoding="utf-8")


if __name__ == "__main__":
    main()
