"""The mathematics: tensors in, tensors out. Importing this room fills the registry."""

from mirror_app.render import grid
from mirror_app.visualisations.core.activations import Weights
from mirror_app.visualisations.core.attention import Attention, AttentionRollout
from mirror_app.visualisations.core.base import Attribution, Visualisation
from mirror_app.visualisations.core.cam.grad_cam import GradCam, GradCamPlusPlus, HiResCam, LayerCam, XGradCam
from mirror_app.visualisations.core.cam.readings import ClassActivationMapping, EigenCam
from mirror_app.visualisations.core.cam.scores import AblationCam, ScoreCam
from mirror_app.visualisations.core.gradients.back_prop import SaliencyMap
from mirror_app.visualisations.core.gradients.deconvolution import Deconvnet
from mirror_app.visualisations.core.gradients.integrated import IntegratedGradients
from mirror_app.visualisations.core.gradients.smoothgrad import SmoothGrad
from mirror_app.visualisations.core.kernels import Kernels
from mirror_app.visualisations.core.perturbation.masks import Occlusion, Rise
from mirror_app.visualisations.core.relevance.lrp import Relevance
from mirror_app.visualisations.core.synthesis.deep_dream import DeepDream
from mirror_app.visualisations.core.synthesis.feature_visualisation import ClassPicture, FilterVisualisation
from mirror_app.visualisations.core.synthesis.inversion import InvertedRepresentation

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
