"""Former names of modules, which documentation and users' scripts may still import."""

import sys
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

MOVED = {
    "mirror_app.bands": "mirror_app.images.bands",
    "mirror_app.colour_profile": "mirror_app.decoding.colour_profile",
    "mirror_app.colours": "mirror_app.render.colormaps",
    "mirror_app.files": "mirror_app.export.package",
    "mirror_app.image_reading": "mirror_app.decoding.reading",
    "mirror_app.images.colour_profile": "mirror_app.decoding.colour_profile",
    "mirror_app.images.reading": "mirror_app.decoding.reading",
    "mirror_app.launch": "mirror_app.live.launch",
    "mirror_app.matrix": "mirror_app.export.matrix",
    "mirror_app.models.data": "mirror_app.bundled.dataset",
    "mirror_app.models.examples": "mirror_app.bundled.examples",
    "mirror_app.models.hub": "mirror_app.models.download",
    "mirror_app.models.network": "mirror_app.bundled.network",
    "mirror_app.models.own": "mirror_app.models.user_models",
    "mirror_app.models.shapes": "mirror_app.bundled.scenes",
    "mirror_app.models.zoo": "mirror_app.models.torchvision_models",
    "mirror_app.poster": "mirror_app.export.figure",
    "mirror_app.registry": "mirror_app.visualisations.registry",
    "mirror_app.request": "mirror_app.engine.request",
    "mirror_app.snippet": "mirror_app.export.snippet",
    "mirror_app.staging": "mirror_app.live.session",
    "mirror_app.trust": "mirror_app.evaluation.verdict",
    "mirror_app.visualisations.own": "mirror_app.visualisations.custom",
}


class FormerImports(MetaPathFinder, Loader):
    """Finds modules by their former names."""

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> ModuleSpec | None:
        """Return a spec that this finder loads, if `fullname` is a former name."""
        return ModuleSpec(fullname, self) if fullname in MOVED else None

    def exec_module(self, module: ModuleType) -> None:
        """Replace the module by the one under its current name."""
        sys.modules[module.__name__] = import_module(MOVED[module.__name__])


sys.meta_path.append(FormerImports())
