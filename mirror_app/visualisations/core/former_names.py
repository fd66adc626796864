"""Names of the tool that Mirror replaces, and of Mirror's first versions, for scripts that import them."""

from mirror_app.visualisations.core.activations import Activations
from mirror_app.visualisations.core.gradients.back_prop import Gradient
from mirror_app.visualisations.core.relevance.lrp import LRP

Weights = Activations
SaliencyMap = BackProp = Gradient
Relevance = LRP
