"""The mathematics: tensors in, tensors out. Importing this room fills the registry."""

from mirror_app.render import grid
from mirror_app.visualisations.core.activations import Weights
from mirror_app.visualisations.core.attention import Attention, AttentionRollout
from mirror_app.visualisations.core.base import Attribution, Visualisation
from mirror_app.visualisations.core.cam import GradCam, GradCamPlusPlus, HiResCam, LayerCam, XGradCam
from mirror_app.visualisations.core.cam_readings import ClassActivationMapping, EigenCam
from mirror_app.visualisations.core.cam_scores import AblationCam, ScoreCam
from mirror_app.visualisations.core.deconvolution import Deconvnet
from mirror_app.visualisations.core.dream import DeepDream
from mirror_app.visualisations.core.gradients import SaliencyMap
from mirror_app.visualisations.core.integrated import IntegratedGradients
from mirror_app.visualisations.core.inversion import InvertedRepresentation
from mirror_app.visualisations.core.kernels import Kernels
from mirror_app.visualisations.core.perturbation import Occlusion, Rise
from mirror_app.visualisations.core.relevance import Relevance
from mirror_app.visualisations.core.smooth import SmoothGrad
from mirror_app.visualisations.core.synthesis import ClassPicture, FilterVisualisation

__all__ = [
    "AblationCam",
    "Attention",
    "AttentionRollout",
    "Attribution",
    "ClassActivationMapping",
    "ClassPicture",
    "Deconvnet",
    "DeepDream",
    "EigenCam",
    "FilterVisualisation",
    "GradCam",
    "GradCamPlusPlus",
    "HiResCam",
    "IntegratedGradients",
    "InvertedRepresentation",
    "Kernels",
    "LayerCam",
    "Occlusion",
    "Relevance",
    "Rise",
    "SaliencyMap",
    "ScoreCam",
    "SmoothGrad",
    "Visualisation",
    "Weights",
    "XGradCam",
    "grid",
]
