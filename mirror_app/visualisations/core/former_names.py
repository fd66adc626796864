"""Former names of visualisations, for scripts that import them."""

from mirror_app.visualisations.core.activations import Activations
from mirror_app.visualisations.core.gradients.back_prop import Gradient
from mirror_app.visualisations.core.relevance.lrp import LRP

Weights = Activations
SaliencyMap = BackProp = Gradient
Relevance = LRP
