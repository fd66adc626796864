"""Mirror: look inside PyTorch image models.

Everything that a program needs can be imported from here. Each name is imported when it is first used, since importing
PyTorch and the page takes seconds.

    import mirror_app

    model, picture = mirror_app.load("shapes"), mirror_app.examples()[0]
    images, info = mirror_app.GradCam(model.module)(model.inputs(picture), "features.4")
"""

import os
from importlib import import_module
from typing import TYPE_CHECKING

from mirror_app import former_imports  # noqa: F401 - lets former names be imported

_NAMES = {
    "mirror_app.bundled.examples": "examples",
    "mirror_app.engine": "Prediction Result frames predict run",
    "mirror_app.engine.request": "Request",
    "mirror_app.errors": "MirrorError",
    "mirror_app.export.package": "still",
    "mirror_app.images": "Picture Preprocessing decode",
    "mirror_app.live.launch": "mirror",
    "mirror_app.models": "Model",
    "mirror_app.models.catalogue": "load",
    "mirror_app.params": "ClassPicker Dropdown Number Radio Slider Text Toggle",
    "mirror_app.visualisations.core": (
        "LRP AblationCam Activations Attention AttentionRelevance AttentionRollout Attribution "
        "ClassActivationMapping ClassPicture Deconvnet DeepDream EigenCam FilterVisualisation FinerCam "
        "GradCam GradCamPlusPlus Gradient HiResCam Info IntegratedGradients InvertedRepresentation Kernels LayerCam "
        "LeGrad Occlusion Rise ScoreCam Similarity SmoothGrad Visualisation XGradCam embedding"
    ),
    "mirror_app.visualisations.core.base": "TargetClass",
    "mirror_app.visualisations.registry": "visualisation",
    "mirror_app.visualisations.web": "WebInterface offer",
}
_MODULES = {name: module for module, names in _NAMES.items() for name in names.split()}
__all__ = sorted(_MODULES)

# Without this setting, Intel's matrix products round differently depending on memory alignment, so a request would not
# be reproducible bit for bit.
os.environ.setdefault("MKL_CBWR", "AUTO")

if TYPE_CHECKING:  # the names in `_NAMES`
    from mirror_app.bundled.examples import examples as examples
    from mirror_app.engine import Prediction as Prediction
    from mirror_app.engine import Result as Result
    from mirror_app.engine import frames as frames
    from mirror_app.engine import predict as predict
    from mirror_app.engine import run as run
    from mirror_app.engine.request import Request as Request
    from mirror_app.errors import MirrorError as MirrorError
    from mirror_app.export.package import still as still
    from mirror_app.images import Picture as Picture
    from mirror_app.images import Preprocessing as Preprocessing
    from mirror_app.images import decode as decode
    from mirror_app.live.launch import mirror as mirror
    from mirror_app.models import Model as Model
    from mirror_app.models.catalogue import load as load
    from mirror_app.params import ClassPicker as ClassPicker
    from mirror_app.params import Dropdown as Dropdown
    from mirror_app.params import Number as Number
    from mirror_app.params import Radio as Radio
    from mirror_app.params import Slider as Slider
    from mirror_app.params import Text as Text
    from mirror_app.params import Toggle as Toggle
    from mirror_app.visualisations.core import LRP as LRP
    from mirror_app.visualisations.core import AblationCam as AblationCam
    from mirror_app.visualisations.core import Activations as Activations
    from mirror_app.visualisations.core import Attention as Attention
    from mirror_app.visualisations.core import AttentionRelevance as AttentionRelevance
    from mirror_app.visualisations.core import AttentionRollout as AttentionRollout
    from mirror_app.visualisations.core import Attribution as Attribution
    from mirror_app.visualisations.core import ClassActivationMapping as ClassActivationMapping
    from mirror_app.visualisations.core import ClassPicture as ClassPicture
    from mirror_app.visualisations.core import Deconvnet as Deconvnet
    from mirror_app.visualisations.core import DeepDream as DeepDream
    from mirror_app.visualisations.core import EigenCam as EigenCam
    from mirror_app.visualisations.core import FilterVisualisation as FilterVisualisation
    from mirror_app.visualisations.core import FinerCam as FinerCam
    from mirror_app.visualisations.core import GradCam as GradCam
    from mirror_app.visualisations.core import GradCamPlusPlus as GradCamPlusPlus
    from mirror_app.visualisations.core import Gradient as Gradient
    from mirror_app.visualisations.core import HiResCam as HiResCam
    from mirror_app.visualisations.core import Info as Info
    from mirror_app.visualisations.core import IntegratedGradients as IntegratedGradients
    from mirror_app.visualisations.core import InvertedRepresentation as InvertedRepresentation
    from mirror_app.visualisations.core import Kernels as Kernels
    from mirror_app.visualisations.core import LayerCam as LayerCam
    from mirror_app.visualisations.core import LeGrad as LeGrad
    from mirror_app.visualisations.core import Occlusion as Occlusion
    from mirror_app.visualisations.core import Rise as Rise
    from mirror_app.visualisations.core import ScoreCam as ScoreCam
    from mirror_app.visualisations.core import Similarity as Similarity
    from mirror_app.visualisations.core import SmoothGrad as SmoothGrad
    from mirror_app.visualisations.core import Visualisation as Visualisation
    from mirror_app.visualisations.core import XGradCam as XGradCam
    from mirror_app.visualisations.core import embedding as embedding
    from mirror_app.visualisations.core.base import TargetClass as TargetClass
    from mirror_app.visualisations.registry import visualisation as visualisation
    from mirror_app.visualisations.web import WebInterface as WebInterface
    from mirror_app.visualisations.web import offer as offer
else:  # type checkers do not see this: because of `__getattr__`, they would accept any name

    def __getattr__(name: str) -> object:
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
