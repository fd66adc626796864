"""The mutants: mistakes, most of which other implementations have shipped, with the tests that must find them.

A mutant replaces text that stands exactly once in a file, so that it fits wherever that text moves to.
"""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Edit:
    """Replaces `old`, which occurs once in `file`, by `new`."""

    file: str
    old: str
    new: str

    def apply(self, root: Path) -> None:
        """Edit the file below `root`; raise ValueError unless the text occurs exactly once."""
        path = root / self.file
        text = path.read_text(encoding="utf-8")
        if text.count(self.old) != 1:
            raise ValueError(f"{self.file} contains {self.old!r} {text.count(self.old)} times, not once.")
        path.write_text(text.replace(self.old, self.new), encoding="utf-8")


@dataclass(frozen=True)
class Mutant:
    """A mistake, the files or single tests that must find it, as pytest names them, and the edits that make it."""

    mistake: str
    tests: tuple[str, ...]
    edits: tuple[Edit, ...]


CORE = "mirror_app/visualisations/core"
TESTS = "tests/visualisations"

MUTANTS = (
    Mutant(
        "absolute value before the sum over channels",
        ("tests/render/test_render.py", f"{TESTS}/test_core.py"),
        (Edit("mirror_app/render/looks/heat.py", "else raw.sum(1)", "else raw.abs().sum(1)"),),
    ),
    Mutant(
        "ReLU before the sum",
        (f"{TESTS}/test_core.py", f"{TESTS}/test_cams.py"),
        (Edit(f"{CORE}/cam/grad_cam.py", "keepdim=True) * maps).sum(1)", "keepdim=True) * maps).relu().sum(1)"),),
    ),
    Mutant(
        "(h, w) swapped",
        (f"{TESTS}/test_cams.py",),
        (Edit("mirror_app/probe/layout.py", "unflatten(-1, self.grid)", "unflatten(-1, self.grid[::-1]).mT"),),
    ),
    Mutant(
        "`align_corners=True`",
        ("tests/render/test_render.py", f"{TESTS}/test_core.py"),
        (Edit("mirror_app/render/sheets.py", "align_corners=False, antialias=False", "align_corners=True"),),
    ),
    Mutant(
        "an in-place ReLU overwrites what a hook captured",
        ("tests/probe/test_probe.py", f"{TESTS}/test_core.py", f"{TESTS}/test_cams.py"),
        (
            Edit(
                "mirror_app/probe/copying.py",
                'if attributes.get("inplace") is True:',
                'if attributes.get("inplace") is None:',
            ),
            Edit(
                "mirror_app/probe/view.py",
                "return tree_map(lambda item: item.clone() if isinstance(item, Tensor) else item, output)",
                "return output",
            ),
        ),
    ),
    Mutant(
        "a functional ReLU that is not guided",
        (f"{TESTS}/test_core.py",),
        (
            Edit(
                f"{CORE}/gradients/back_prop.py",
                "    rectifiers = probe.Rectifiers()\n    with rectifiers if rewrite else nullcontext():\n"
                "        pixels, answers = target_score.output(inputs)\n",
                "    relus = [m for m in target_score.view.module.modules() if rewrite and type(m) is torch.nn.ReLU]\n"
                "    hooks = [relu.register_full_backward_hook(lambda _, below, __: (below[0].relu(),))"
                " for relu in relus]\n"
                "    pixels, answers = target_score.output(inputs)\n",
            ),
            Edit(
                f"{CORE}/gradients/back_prop.py",
                "    if rewrite is not None:\n        rewrite(answers, rectifiers)\n"
                "    return torch.autograd.grad(target_score.score(answers, target).sum(), pixels)[0], target\n",
                "    slope = torch.autograd.grad(target_score.score(answers, target).sum(), pixels)[0]\n"
                "    for hook in hooks:\n        hook.remove()\n    return slope, target\n",
            ),
        ),
    ),
    Mutant(
        "the first call of a module that is used twice",
        (f"{TESTS}/test_core.py", "tests/probe/test_probe.py"),
        (Edit("mirror_app/probe/view.py", "return recorded[-1]", "return recorded[0]"),),
    ),
    Mutant(
        "no merging of batch norms in LRP",
        (f"{TESTS}/test_relevance.py",),
        (
            Edit(
                f"{CORE}/relevance/canonical.py",
                "if previous and previous.layer.channel_axis is not None and (",
                "if previous is input and (",
            ),
        ),
    ),
    Mutant(
        "batch norm or dropout in training mode",
        (f"{TESTS}/test_core.py", "tests/probe/test_probe.py"),
        (Edit("mirror_app/probe/copying.py", '        attributes["training"] = False\n', ""),),
    ),
    Mutant(
        "softmax taken for the logit",
        (f"{TESTS}/test_core.py", f"{TESTS}/test_gradients.py"),
        (
            Edit(
                f"{CORE}/gradients/back_prop.py",
                "target_score.score(answers, target).sum()",
                "target_score.score(answers.softmax(1), target).sum()",
            ),
        ),
    ),
    Mutant(
        "the last block of a ViT, where no gradient reaches the patch tokens",
        (f"{TESTS}/test_cams.py",),
        (
            Edit(
                f"{CORE}/cam/gradient_cam.py",
                "if output_gradient.any() and not maps_layout.maps(output_gradient).any():",
                "if output_gradient.isnan().any():",
            ),
        ),
    ),
    Mutant(
        "the class token kept",
        (f"{TESTS}/test_cams.py",),
        (
            Edit(
                "mirror_app/probe/layout.py",
                "        first, count = self.positions[0], len(self.positions)\n"
                "        is_consecutive = self.positions == tuple(range(first, first + count))\n",
                "        first, count = 0, len(self.positions)\n"
                "        is_consecutive = self.positions == tuple(range(1, 1 + count))\n",
            ),
        ),
    ),
    Mutant(
        "Swin's channels, which come last",
        (f"{TESTS}/test_cams.py",),
        (
            Edit(
                "mirror_app/probe/layout.py",
                "positions_last = items.movedim(self.axes, tuple(range(-len(self.axes), 0)))",
                "positions_last = items",
            ),
        ),
    ),
    Mutant(
        "a wrong mean",
        ("tests/images/test_preprocessing.py", "tests/engine/test_engine.py"),
        (
            Edit(
                "mirror_app/images/preprocessing.py",
                "F.normalize(values, list(self.mean), list(self.std))",
                "F.normalize(values, list(self.std), list(self.std))",
            ),
        ),
    ),
    Mutant(
        "each channel rescaled on its own",
        ("tests/render/test_render.py",),
        (
            Edit(
                "mirror_app/render/scale.py",
                "share_of(raw, raw.abs().amax(tuple(range(1, raw.ndim)), keepdim=True))",
                "share_of(raw, raw.abs().amax((-2, -1), keepdim=True))",
            ),
        ),
    ),
    Mutant(
        "integrated gradients off by one step",
        (f"{TESTS}/test_gradients.py",),
        (Edit(f"{CORE}/gradients/integrated.py", "nodes[step, None", "nodes[step - 1, None"),),
    ),
    Mutant(
        "a wrong baseline",
        (f"{TESTS}/test_gradients.py",),
        (
            Edit(
                f"{CORE}/gradients/integrated.py",
                "return space.inputs(torch.zeros_like(inputs))",
                "return torch.zeros_like(inputs)",
            ),
        ),
    ),
    Mutant(
        "a hook that stays",
        ("tests/probe/test_probe.py", f"{TESTS}/test_core.py"),
        (
            Edit(
                "mirror_app/probe/view.py",
                "        handle = self.modules[layer].register_forward_hook(hook)\n"
                "        try:\n            yield\n        finally:\n            handle.remove()\n",
                "        handle = self.modules[layer].register_forward_hook(hook)\n        yield\n"
                "        handle.remove()\n",
            ),
        ),
    ),
    Mutant(
        "weights shared before it is known whether the forward pass writes to them",
        ("tests/probe/odd_models",),
        (
            Edit(
                "mirror_app/probe/forward_behaviour.py",
                "Clone(source, device, written=None)",
                "Clone(source, device)",
            ),
        ),
    ),
    Mutant(
        "a forward pass that works in place on the caller's tensor",
        ("tests/probe/odd_models",),
        (
            Edit(
                "mirror_app/probe/private_model.py",
                "tuple(tensor.clone() for tensor in (inputs.to(self.device), *extra))",
                "tuple(tensor for tensor in (inputs.to(self.device), *extra))",
            ),
        ),
    ),
    Mutant(
        "pictures that affect each other's answers in one batch",
        ("tests/probe/odd_models",),
        (
            Edit(
                "mirror_app/probe/private_model.py",
                "is_batch_independent(self.run, self._sample)",
                "is_batch_independent(self.run, self._sample) or True",
            ),
        ),
    ),
    Mutant(
        "the first axis of an output always taken for the batch",
        ("tests/probe/odd_models",),
        (
            Edit(
                "mirror_app/probe/private_model.py",
                "return batch_first(output, axes) if axes else output",
                "return output",
            ),
        ),
    ),
    Mutant(
        "a picture that shuffled weights only turn over taken for a different one",
        ("tests/evaluation/test_verdict.py",),
        (
            Edit(
                "mirror_app/ui/trust/verdict_text.py",
                "abs(correlations[depth]) >= SIMILAR",
                "correlations[depth] >= SIMILAR",
            ),
        ),
    ),
    Mutant(
        "clamp(min=0) not guided",
        ("tests/probe/test_rectifiers.py",),
        (
            Edit(
                "mirror_app/probe/rectifiers.py",
                '"NativeBatchNorm CudnnBatchNorm',
                '"Clamp ClampMin NativeBatchNorm CudnnBatchNorm',
            ),
            Edit(
                "mirror_app/probe/rectifiers.py",
                '    "Clamp": lambda node: _is_zero(node._saved_min) and not _is_zero(node._saved_max),\n'
                '    "ClampMin": lambda node: _is_zero(node._saved_min),\n',
                '    "Clamp": lambda node: node._saved_max is not None and _is_zero(node._saved_min)'
                " and not _is_zero(node._saved_max),\n",
            ),
        ),
    ),
    Mutant(
        "the stored weight instead of the one that a pre-hook makes",
        (f"{TESTS}/test_linear_layers.py",),
        (
            Edit(
                "mirror_app/probe/weight_in_use.py",
                "    if _uses_stored_weight(module):\n        return module.weight.detach()\n",
                "    return module.weight.detach()\n",
            ),
        ),
    ),
    Mutant(
        "the slope of an activation instead of its whole relevance",
        (f"{TESTS}/test_transformer_relevance.py",),
        (
            Edit(
                f"{CORE}/relevance/nonlinear.py",
                "return slopes[0] * output / as_divisor(inputs), None",
                "return slopes[0], None",
            ),
        ),
    ),
    Mutant(
        "the whole relevance of a product for each factor",
        (f"{TESTS}/test_transformer_relevance.py",),
        (
            Edit(
                f"{CORE}/relevance/nonlinear.py",
                "    return (func(left, right.detach()) + func(left.detach(), right)) / 2\n",
                "    return func(left, right)\n",
            ),
        ),
    ),
    Mutant(
        "relevance through the standard deviation of a norm",
        (f"{TESTS}/test_transformer_relevance.py",),
        (
            Edit(
                f"{CORE}/relevance/nonlinear.py",
                "eps).sqrt().detach()\n    return (values",
                "eps).sqrt()\n    return (values",
            ),
        ),
    ),
    Mutant(
        "relevance through the root of an RMS norm",
        (f"{TESTS}/test_transformer_relevance.py",),
        (
            Edit(
                f"{CORE}/relevance/nonlinear.py",
                "+ eps).sqrt().detach()\n    return _affine(input / root",
                "+ eps).sqrt()\n    return _affine(input / root",
            ),
        ),
    ),
    Mutant(
        "relevance through the length of a normalised vector",
        (f"{TESTS}/test_transformer_relevance.py",),
        (Edit(f"{CORE}/relevance/nonlinear.py", ".clamp(min=eps).detach()", ".clamp(min=eps)"),),
    ),
    Mutant(
        "relevance through the softmax under CP-LRP",
        (f"{TESTS}/test_transformer_relevance.py",),
        (
            Edit(
                f"{CORE}/relevance/canonical.py",
                'return output.detach() if self.composite.nonlinear == "cp-lrp" else output',
                "return output",
            ),
        ),
    ),
    Mutant(
        "the ReLU after the mean over the queries in LeGrad",
        (f"{TESTS}/test_attention.py",),
        (Edit(f"{CORE}/attention/legrad.py", "maps(gradient.relu().mean(-2))", "maps(gradient.mean(-2).relu())"),),
    ),
    Mutant(
        "the ReLU after the mean over the heads in attention relevance",
        (f"{TESTS}/test_attention.py",),
        (
            Edit(
                f"{CORE}/attention/attention_relevance.py",
                "flatten(1, -3)).relu().mean(1)",
                "flatten(1, -3)).mean(1).relu()",
            ),
        ),
    ),
    Mutant(
        "rollout without the residual connection",
        (f"{TESTS}/test_attention.py",),
        (Edit(f"{CORE}/attention/rollout.py", "(fused + torch.eye(fused.shape[-1]).to(fused)) / 2)", "fused)"),),
    ),
    Mutant(
        "z⁺ for batch norms on signed inputs under CP-LRP",
        (f"{TESTS}/test_transformer_relevance.py",),
        (
            Edit(
                f"{CORE}/relevance/lrp.py",
                'lone_norm=stable, nonlinear="cp-lrp"',
                'nonlinear="cp-lrp"',
            ),
        ),
    ),
)
