"""Which pixels, or which places of a layer, a class's logit was computed from: layer-wise relevance propagation."""

from collections.abc import Iterator
from typing import Annotated

import torch
from torch import Tensor

from mirror_app import probe, render
from mirror_app.errors import MirrorError
from mirror_app.params import Dropdown, Radio, Slider
from mirror_app.visualisations.core.base import Attribution, TargetClass, Visualisation
from mirror_app.visualisations.core.relevance import rules
from mirror_app.visualisations.core.relevance.canonical import Canonical, Composite
from mirror_app.visualisations.core.target_score import TargetScore
from mirror_app.visualisations.registry import Question, visualisation


def composites(epsilon: float, gamma: float) -> dict[str, Composite]:
    """Return what each choice of a rule means: composites as published, then single rules, of that ε and γ.

    Kohlbrenner et al. 2020, “Towards Best Practice in Explaining Neural Network Decisions with LRP”; Montavon et al.
    2019, “Layer-Wise Relevance Propagation: An Overview”.
    """
    stable = rules.epsilon(1e-9)
    return {
        "epsilon-plus": Composite(rules.z_plus, stable),
        "epsilon-plus-flat": Composite(rules.z_plus, stable, rules.flat),
        "epsilon-gamma-box": Composite(rules.gamma(0.25), stable, rules.box),
        "epsilon": Composite(rules.epsilon(epsilon), rules.epsilon(epsilon), lone_norm=rules.epsilon(epsilon)),
        "gamma": Composite(rules.gamma(gamma), rules.gamma(gamma)),
        "z-plus": Composite(rules.z_plus, rules.z_plus),
        "alpha-beta": Composite(rules.alpha_beta, rules.alpha_beta),
    }


# What hands slopes on in proportion by its gradient alone: f(a x) = a f(x), for all a > 0, and our linear layers.
PROPORTIONAL = probe.LINEAR | {"_Ruled", "Relu", "LeakyRelu", "PreluKernel", "Maximum"}


@visualisation(
    "LRP",
    paper="Bach et al. 2015, “On Pixel-Wise Explanations”, https://doi.org/10.1371/journal.pone.0130140",
    use="For fine-grained maps that add up to the class score.",
    avoid="In transformers and squeeze-and-excitation networks, for which its rules are not defined.",
    asks=Question.PIXELS,
    also="layer-wise relevance propagation, relevance map, deep Taylor decomposition",
)
class LRP(Visualisation):
    """Traces the class score backwards through the network, splitting it among the inputs of each layer.

    The raw array is the signed relevance, summed over channels: (N, H, W) of the picture, or (N, h, w) of a layer. It
    adds up to the logit but for what biases take; `conservation` in info is how much of it is there, 1 being all.
    Raises MirrorError for what is no sum of parts: softmax attention, GELU, layer norms, gates.
    """

    look = staticmethod(render.heat)

    def attribute(
        self,
        inputs: Tensor,
        layer: str,
        *,
        rule: Annotated[
            str,
            Dropdown(
                "How a layer distributes relevance. The first three change the rule with depth, which gives the "
                "clearest maps; the others apply one rule to all layers.",
                options=tuple(composites(0, 0)),
            ),
        ] = "epsilon-plus",
        epsilon: Annotated[
            float,
            Slider(
                "Absorbs weak or contradictory relevance. 0 is the gradient times the picture, or times what the first "
                "layer sees, where the model normalises the picture itself.",
                max=1,
                step=0.01,
                when=("rule", "epsilon"),
            ),
        ] = 0.25,
        gamma: Annotated[
            float,
            Slider(
                "How much more positive contributions count than negative ones.",
                max=10,
                when=("rule", "gamma"),
            ),
        ] = 0.25,
        at: Annotated[
            str,
            Radio(
                "Relevance of the pixels, or of the locations of the chosen layer.",
                options=("the picture", "the layer"),
            ),
        ] = "the picture",
        target_class: TargetClass = None,
    ) -> Iterator[Attribution]:
        picture = layer == "" or at == "the picture"
        target_score = TargetScore(self.view, inputs, target_class, self.output)
        held = None if picture else probe.layout_of(self.view, inputs, layer)
        with Canonical(composites(epsilon, gamma)[rule], picture) as canonical:
            source, answers = target_score.output(inputs) if picture else target_score.split(inputs, layer)
        _refuse_strangers(answers)
        target = target_score.chosen(answers)
        logits = target_score.score(answers, target)
        parts = _shared_out(logits, source, canonical.ends)
        raw = torch.stack([held.maps(part) if held else part for part in parts]).sum((0, 2))
        conserved = raw.sum((1, 2)) / rules.nonzero(logits.detach())
        info = {**target_score.info(target), "conservation": conserved.tolist(), "note": _note(raw, conserved)}
        yield Attribution(raw, info)


def _shared_out(logits: Tensor, source: Tensor, ends: list[tuple[Tensor, Tensor]]) -> list[Tensor]:
    """Return the parts of the relevance of `source` for `logits` (N,); it ends at `ends`, which fill now."""
    slope = None
    if logits.requires_grad:
        (slope,) = torch.autograd.grad(logits.sum(), source, allow_unused=True, retain_graph=True)
    parts = [_passed_down(seen, source, relevance) for seen, relevance in ends]
    if slope is not None:
        parts.append(source.detach() * slope)
    if not parts:
        raise MirrorError("The model's output does not depend on what this layer gives: choose another.")
    return parts


def _passed_down(seen: Tensor, pixels: Tensor, relevance: Tensor) -> Tensor:
    """Return the relevance of `pixels`, given that of what the first layer saw of them: by the flat rule.

    What lies between is preprocessing, such as a model's own normalisation, whose scale and shift are no evidence.
    """
    direction = torch.zeros_like(seen, requires_grad=True)
    (back,) = torch.autograd.grad(seen, pixels, direction, create_graph=True)
    (count,) = torch.autograd.grad(back, direction, torch.ones_like(back))  # how much of all pixels, weighted, is here
    return torch.autograd.grad(seen, pixels, relevance / rules.nonzero(count), retain_graph=True)[0]


def _refuse_strangers(output: Tensor) -> None:
    """Raise MirrorError where the graph of `output` holds what does not share relevance in proportion."""
    strangers = {name for node in probe.graph_nodes(output) if (name := probe.operation_name(node)) not in PROPORTIONAL}
    if strangers:
        raise MirrorError(
            f"LRP shares relevance out among the parts of a sum, and {', '.join(sorted(strangers))} in this model "
            "is no sum of parts: use Grad-CAM, or LRP at a layer above it."
        )


def _note(raw: Tensor, conserved: Tensor) -> str:
    if not raw.any():
        return "No relevance arrives here: the logit is zero, or it has no positive contributions that the rule counts."
    note = ""
    if not (raw > 0).any():
        note = "There is no evidence for this class: switch on 'Also show evidence against' (under Look). "
    worst = conserved[(conserved - 1).abs().argmax()]
    if abs(worst - 1) > 0.1:
        note += f"The relevance adds up to {worst:.2f} of the logit, not to all of it: biases and ε take the rest."
    return note.strip()
