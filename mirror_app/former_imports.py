"""Modules that documentation and downloaded code have named, and where they are now."""

import sys
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

MOVED = {
    "mirror_app.files": "mirror_app.export.package",
    "mirror_app.models.examples": "mirror_app.bundled.examples",
    "mirror_app.request": "mirror_app.engine.request",
}


class FormerImports(MetaPathFinder, Loader):
    """Finds a module under its former name."""

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> ModuleSpec | None:
        return ModuleSpec(fullname, self) if fullname in MOVED else None

    def exec_module(self, module: ModuleType) -> None:
        sys.modules[module.__name__] = import_module(MOVED[module.__name__])


sys.meta_path.append(FormerImports())
