"""The visualisations: tensors in, tensors out. Importing this package registers them in the order shown on the page."""

# ruff: noqa: I001
from mirror_app.render import grid
from mirror_app.visualisations.core.base import Attribution, Info, Visualisation
from mirror_app.visualisations.core.picture_embedding import embedding
from mirror_app.visualisations.core.similarity import Similarity
from mirror_app.visualisations.core.activations import Activations
from mirror_app.visualisations.core.attention import Attention, AttentionRelevance, AttentionRollout, LeGrad
from mirror_app.visualisations.core.gradients.back_prop import Gradient
from mirror_app.visualisations.core.cam.grad_cam import GradCam
from mirror_app.visualisations.core.cam.grad_cam_plus_plus import GradCamPlusPlus
from mirror_app.visualisations.core.cam.finer_cam import FinerCam
from mirror_app.visualisations.core.cam.xgrad_cam import XGradCam
from mirror_app.visualisations.core.cam.hires_cam import HiResCam
from mirror_app.visualisations.core.cam.layer_cam import LayerCam
from mirror_app.visualisations.core.cam.class_activation_mapping import ClassActivationMapping
from mirror_app.visualisations.core.cam.eigen_cam import EigenCam
from mirror_app.visualisations.core.cam.score_cam import ScoreCam
from mirror_app.visualisations.core.cam.ablation_cam import AblationCam
from mirror_app.visualisations.core.gradients.deconvolution import Deconvnet
from mirror_app.visualisations.core.gradients.integrated import IntegratedGradients
from mirror_app.visualisations.core.gradients.smoothgrad import SmoothGrad
from mirror_app.visualisations.core.kernels import Kernels
from mirror_app.visualisations.core.perturbation.occlusion import Occlusion
from mirror_app.visualisations.core.perturbation.rise import Rise
from mirror_app.visualisations.core.relevance.lrp import LRP
from mirror_app.visualisations.core.synthesis.deep_dream import DeepDream
from mirror_app.visualisations.core.synthesis.filter_visualisation import FilterVisualisation
from mirror_app.visualisations.core.synthesis.class_picture import ClassPicture
from mirror_app.visualisations.core.synthesis.inversion import InvertedRepresentation
from mirror_app.visualisations.core.former_names import Relevance, SaliencyMap, Weights

__all__ = [
    "LRP",
    "AblationCam",
    "Activations",
    "Attention",
    "AttentionRelevance",
    "AttentionRollout",
    "Attribution",
    "ClassActivationMapping",
    "ClassPicture",
    "Deconvnet",
    "DeepDream",
    "EigenCam",
    "FilterVisualisation",
    "FinerCam",
    "GradCam",
    "GradCamPlusPlus",
    "Gradient",
    "HiResCam",
    "Info",
    "IntegratedGradients",
    "InvertedRepresentation",
    "Kernels",
    "LayerCam",
    "LeGrad",
    "Occlusion",
    "Relevance",
    "Rise",
    "SaliencyMap",
    "ScoreCam",
    "Similarity",
    "SmoothGrad",
    "Visualisation",
    "Weights",
    "XGradCam",
    "embedding",
    "grid",
]
