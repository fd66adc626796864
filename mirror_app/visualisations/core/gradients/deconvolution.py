"""The way back through a network as Zeiler and Fergus drew it."""

from collections.abc import Iterator, Mapping

from torch import Tensor

from mirror_app import probe, render
from mirror_app.visualisations.core.base import Attribution, TargetClass, Visualisation
from mirror_app.visualisations.core.gradients.back_prop import gradient
from mirror_app.visualisations.core.target_score import TargetScore
from mirror_app.visualisations.registry import Question, visualisation


@visualisation(
    "Deconvnet",
    paper="Zeiler and Fergus 2014, “Visualizing Convolutional Networks”, https://arxiv.org/abs/1311.2901",
    use="To reproduce old papers, or to see which edges reach a layer.",
    avoid="To explain a class: it shows the picture's edges even in an untrained network.",
    asks=Question.PIXELS,
    also="deconvolution, deconvolutional network, saliency map",
)
class Deconvnet(Visualisation):
    """The gradient with each ReLU applied to the backward signal, so that only positive values are passed down.

    The raw array is that signal (N, C, H, W). What a ReLU saw on the way up plays no part, so that the picture follows
    the edges of the input whatever the class is; a note says so. It does not depend on the layer.
    """

    look = staticmethod(render.gradient)
    uses_layer = False

    @classmethod
    def ignores_model(cls, params: Mapping[str, object]) -> bool:
        return True

    def attribute(self, inputs: Tensor, layer: str, *, target_class: TargetClass = None) -> Iterator[Attribution]:
        target_score = TargetScore(self.view, inputs, target_class, self.output)
        signal, target = gradient(target_score, inputs, rewrite=probe.deconvolve)
        note = "This shows edges more than reasons: it changes little with the class, or when weights are shuffled."
        yield Attribution(signal, {**target_score.info(target), "note": note})
