"""LRP: traces a class score back to the pixels, or to the locations of a layer, that it was computed from."""

from collections.abc import Iterator
from typing import Annotated

import torch
from torch import Tensor

from mirror_app import probe, render
from mirror_app.errors import MirrorError
from mirror_app.params import Dropdown, Radio, Slider
from mirror_app.visualisations.core.base import Attribution, Info, TargetClass, Visualisation
from mirror_app.visualisations.core.relevance import rules
from mirror_app.visualisations.core.relevance.canonical import Canonical, Composite
from mirror_app.visualisations.core.target_score import TargetScore
from mirror_app.visualisations.registry import Question, visualisation


def composites(epsilon: float, gamma: float) -> dict[str, Composite]:
    """Return the composite (a rule for each kind of layer) for each value of the parameter `rule`.

    Published composites come first, followed by composites that apply one rule, with ε and γ as given.

    References:
        Kohlbrenner et al. 2020, "Towards Best Practice in Explaining Neural Network Decisions with LRP",
        https://arxiv.org/abs/1910.09840
        Montavon et al. 2019, "Layer-Wise Relevance Propagation: An Overview",
        https://doi.org/10.1007/978-3-030-28954-6_10
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
        "attnlrp": Composite(rules.gamma(gamma), rules.gamma(gamma), lone_norm=stable, nonlinear="attnlrp"),
        "cp-lrp": Composite(rules.gamma(gamma), rules.gamma(gamma), lone_norm=stable, nonlinear="cp-lrp"),
    }


# Operations that need no rule: the layers that have one already (`_Ruled`), and operations with f(a x) = a f(x) for all
# a > 0, whose gradient splits relevance in proportion to the contributions.
PROPORTIONAL = probe.LINEAR | {"_Ruled", "_Whole", "Relu", "LeakyRelu", "PreluKernel", "Maximum"}
# Under AttnLRP and CP-LRP, a softmax needs no rule either, nor does a product of matrices of which only one depends on
# the picture: the gradient already splits the relevance as these two rules require.
WITH_ATTENTION = PROPORTIONAL | {"Softmax", "Mm", "Bmm"}
# What absorbs relevance, for each value of `Composite.nonlinear`.
LOSSES = {
    "": "biases and ε account for the difference.",
    "attnlrp": "biases, other constants such as position embeddings, and the softmax rule account for the difference.",
    "cp-lrp": "biases and other constants, such as position embeddings, account for the difference.",
}


@visualisation(
    "LRP",
    paper="Bach et al. 2015, “On Pixel-Wise Explanations”, https://doi.org/10.1371/journal.pone.0130140",
    use="For fine-grained maps that add up to the class score.",
    avoid="With a rule that does not suit the model: transformers, gates and smooth activations need attnlrp.",
    asks=Question.PIXELS,
    also="layer-wise relevance propagation, relevance map, deep Taylor decomposition, AttnLRP, CP-LRP, transformer",
)
class LRP(Visualisation):
    """Traces the class score backwards through the network, splitting it among the inputs of each layer.

        R_i = Σ_j s_ij · R_j        raw = Σ R over the channels

    R starts as the target's score (the logit of a class). At each linear layer, output j passes the share s_ij of its
    relevance R_j to input i; the rules for these shares are in `mirror_app.visualisations.core.relevance.rules`. Sums,
    concatenations, poolings and ReLUs split relevance in proportion to each input's contribution. A batch norm is
    merged with the linear layer before it. The relevance adds up to the score, except for two losses: biases and ε
    absorb a part, and an output passes nothing on if the rule counts none of its terms (input × weight). For example,
    z⁺ does not count negative terms. For each picture, `info["conservation"]` is the sum of raw divided by the
    score; 1 means that nothing is lost.

    Args:
        inputs: Pictures (N, C, H, W), normalised as the model expects.
        layer: Dotted name of a layer with spatial maps, or the submodule itself. Used only with `at="the layer"`.
        rule: How layers distribute relevance. "epsilon-plus" uses z⁺ in convolutions and ε = 1e-9 in dense layers.
            "epsilon-plus-flat" does the same, but uses the flat rule in the layers that take the picture.
            "epsilon-gamma-box" uses γ = 0.25 in convolutions, ε = 1e-9 in dense layers and zᴮ in the layers that take
            the picture. "epsilon", "gamma", "z-plus" and "alpha-beta" (α = 2, β = 1) use one rule for all convolutions
            and dense layers. "attnlrp" and "cp-lrp" use γ there, and also have rules for attention, norms, gates and
            smooth activations (see `mirror_app.visualisations.core.relevance.nonlinear`). They differ in attention:
            with "cp-lrp", no relevance passes through the softmax.
        epsilon: ε of the rule "epsilon", 0 to 1.
        gamma: γ of the rules "gamma", "attnlrp" and "cp-lrp", 0 to 10.
        at: "the picture" for the relevance of the pixels, or "the layer" for the relevance of the locations of `layer`.
        target_class: Number of a class, from 0. None is the most likely class of each picture. A string names another
            target, such as "layer3:5": channel 5 of layer3.

    Returns:
        `(images, info)`: `images` (N, 3, H, W) in [0, 1]; `info["raw"]` (N, H, W), or (N, h, w) at a layer, signed, in
        logits; `info["conservation"]`, as above; `info["target_class"]`, the class of each picture; `info["note"]`, a
        caution or "".

    Raises:
        MirrorError: If the model uses operations for which `rule` says nothing, such as batch norms without running
            statistics, or, for all but the last two rules, attention, GELU, layer norms and gates; if the layer has no
            spatial maps or does not affect the target; if the target does not exist; or if a parameter is out of range.

    Example:
        Without biases, the relevance of the pixels adds up to the logit.

        >>> import torch
        >>> from torch import nn
        >>> from mirror_app.visualisations.core import LRP
        >>> head = nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 5, bias=False)
        >>> model = nn.Sequential(nn.Conv2d(3, 8, 3, bias=False), nn.ReLU(), *head).eval()
        >>> inputs = torch.rand(1, 3, 64, 64)
        >>> images, info = LRP(model)(inputs, target_class=3)
        >>> torch.allclose(info["raw"].sum(), model(inputs)[0, 3], rtol=1e-3)
        True

    References:
        Bach, Binder, Montavon, Klauschen, Müller and Samek 2015, "On Pixel-Wise Explanations for Non-Linear Classifier
        Decisions by Layer-Wise Relevance Propagation", https://doi.org/10.1371/journal.pone.0130140
        Kohlbrenner, Bauer, Nakajima, Binder, Samek and Lapuschkin 2020, "Towards Best Practice in Explaining Neural
        Network Decisions with LRP", https://arxiv.org/abs/1910.09840, for the composites
        Achtibat et al. 2024, "AttnLRP", https://arxiv.org/abs/2402.05602, and Ali et al. 2022, "XAI for Transformers",
        https://arxiv.org/abs/2202.07304, for transformers
        LRP is covered by patents in some countries, which may matter for commercial use.

    Deviations from the paper:
        Relevance passes back through preprocessing inside the model, such as its own normalisation, in proportion to
        the derivatives with respect to the pixels; the values of the pixels play no part.
        The bounds of zᴮ are the lowest and the highest value in each channel of the layer's input, for each picture.
    """

    look = render.heat

    def attribute(
        self,
        inputs: Tensor,
        layer: str,
        *,
        rule: Annotated[
            str,
            Dropdown(
                "How a layer distributes relevance. The first three change the rule with depth, which gives the "
                "clearest maps; the next four apply one rule to all layers. Transformers need one of the last two.",
                options=tuple(composites(0, 0)),
            ),
        ] = "epsilon-plus",
        epsilon: Annotated[
            float,
            Slider(
                "Absorbs weak or contradictory relevance. 0 gives the gradient times the picture, or times the first "
                "layer's input if the model normalises the picture itself.",
                max=1,
                step=0.01,
                when=("rule", "epsilon"),
            ),
        ] = 0.25,
        gamma: Annotated[
            float,
            Slider(
                "How much more weight positive contributions get than negative ones.",
                max=10,
                when=("rule", "gamma", "attnlrp", "cp-lrp"),
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
        from_picture = layer == "" or at == "the picture"
        target_score = TargetScore(self.view, inputs, target_class, self.output)
        maps_layout = None if from_picture else probe.layout_of(self.view, inputs, layer)
        composite = composites(epsilon, gamma)[rule]
        with Canonical(composite, from_picture) as canonical:
            source, answers = target_score.output(inputs) if from_picture else target_score.split(inputs, layer)
        _require_rules(answers, composite)
        target = target_score.chosen(answers)
        logits = target_score.proportional_score(answers, target)
        parts = _relevance_parts(logits, source, canonical.ends)
        raw = torch.stack([maps_layout.maps(part) if maps_layout else part for part in parts]).sum((0, 2))
        conserved = raw.sum((1, 2)) / rules.as_divisor(logits.detach())
        info = Info(conservation=conserved.tolist(), note=_note(raw, conserved, composite))
        yield Attribution(raw, target_score.info(target) | info)


def _relevance_parts(logits: Tensor, source: Tensor, ends: list[tuple[Tensor, Tensor]]) -> list[Tensor]:
    """Return the parts whose sum is the relevance of `source` for `logits` (N,).

    The backward pass from the logits fills `ends`, which must be empty at first.
    """
    slope = None
    if logits.requires_grad:
        (slope,) = torch.autograd.grad(logits.sum(), source, allow_unused=True, retain_graph=True)
    parts = [_through_preprocessing(first_input, source, relevance) for first_input, relevance in ends]
    if slope is not None:
        parts.append(source.detach() * slope)
    if not parts:
        raise MirrorError("The model's output does not depend on this layer", hint="choose another")
    return parts


def _through_preprocessing(first_input: Tensor, pixels: Tensor, relevance: Tensor) -> Tensor:
    """Return the relevance of `pixels`, given the `relevance` of `first_input`, which was computed from the pixels.

    R_i = Σ_j J_ji / (Σ_i J_ji) · R_j, with J the Jacobian of `first_input` with respect to the pixels. `first_input` is
    the input of a first layer. The operations before it are preprocessing, such as a model's own normalisation, whose
    scale and shift are not evidence.
    """
    direction = torch.zeros_like(first_input, requires_grad=True)
    (back,) = torch.autograd.grad(first_input, pixels, direction, create_graph=True)
    (row_sums,) = torch.autograd.grad(back, direction, torch.ones_like(back))  # J's row sums: back = Jᵀ · direction
    return torch.autograd.grad(first_input, pixels, relevance / rules.as_divisor(row_sums), retain_graph=True)[0]


def _require_rules(output: Tensor, composite: Composite) -> None:
    """Raise MirrorError if the graph of `output` has operations that need a rule but have none."""
    have_rules = WITH_ATTENTION if composite.nonlinear else PROPORTIONAL
    names = sorted(
        {
            name
            for node in probe.graph_nodes(output)
            if (name := probe.operation_name(node)) not in have_rules
            or (name in ("Mm", "Bmm") and probe.operand_count(node) > 1)
        }
    )
    if names:
        listed = " or ".join(filter(None, (", ".join(names[:-1]), names[-1])))
        advice = "Use Grad-CAM" if composite.nonlinear else "Choose the rule attnlrp, use Grad-CAM"
        raise MirrorError(
            f"LRP has no rule for {listed}, which this model uses.",
            culprit=listed,
            hint=f"{advice}, or choose a later layer.",
        )


def _note(raw: Tensor, conserved: Tensor, composite: Composite) -> str:
    if not raw.any():
        return "No relevance arrives here: the logit is zero, or it has no positive contributions that the rule counts."
    note = ""
    if not (raw > 0).any():
        note = "There is no evidence for this class: switch on 'Also show evidence against' (under Look). "
    worst = conserved[(conserved - 1).abs().argmax()]
    if abs(worst - 1) > 0.1:
        note += f"The relevance adds up to {worst:.2f} of the logit: {LOSSES[composite.nonlinear]}"
    return note.strip()
