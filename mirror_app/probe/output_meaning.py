"""The kind of output that a model has: declared by the user, else read from its configuration, else assumed.

Without a declaration, a single score counts as a number and several count as class scores; both are marked as assumed.
"""

from typing import Any

import torch
from torch import Tensor, nn

from mirror_app.errors import MirrorError
from mirror_app.probe.configuration import configured_meaning
from mirror_app.probe.output_kind import OutputKind, OutputMeaning
from mirror_app.probe.outputs import class_logits, describe_output, is_list_of_dicts, regions_of, single_tensor
from mirror_app.probe.view import View

_SUM_TOLERANCE = 1e-4  # how far a sum of float32 probabilities may be from 1


def answers_of(output: Any) -> Tensor | None:
    """Return the scores (N, K) in a model's output, or None; one score per picture, (N,), becomes (N, 1)."""
    answers = single_tensor(output)
    if answers is not None and answers.ndim == 1 and answers.is_floating_point():
        return answers[:, None]
    return class_logits(output)


def predict_answers(view: View, inputs: Tensor) -> Tensor | None:
    """Return the scores (N, K) for `inputs` (N, C, H, W), or None if the model gives none.

    The pictures run one by one unless the model is batch-independent.
    """
    view.ensure_observed(inputs)
    batch_size = len(inputs) if len(inputs) == 1 or view.is_batch_independent else 1
    answer_parts = [answers_of(view.predict(part)) for part in inputs.split(batch_size)]
    answers = [part for part in answer_parts if part is not None]
    return torch.cat(answers) if len(answers) == len(answer_parts) else None


def meaning_of(output: Any, module: nn.Module, declared: OutputKind | None = None) -> OutputMeaning | None:
    """Return the meaning of the `output` of `module`, or None if none is known and no assumption fits.

    `declared` is the kind that the user declared. Raises MirrorError if it does not fit `output`.
    """
    if declared is not None:
        if error := mismatch_error(declared, output):
            raise error
        return OutputMeaning(declared)
    answers = answers_of(output)
    configured = configured_meaning(module, 0 if answers is None else answers.shape[1])
    if configured is None or mismatch_error(configured.kind, output):
        return _assumed_meaning(output, answers)
    if (
        configured.assumed
        and configured.kind is OutputKind.LABELS
        and answers is not None
        and _lies_between_0_and_1(answers)
    ):
        # Applying the sigmoid twice would give plausible but wrong pictures.
        return OutputMeaning(OutputKind.PROBABILITIES, assumed=True)
    return configured


def mismatch_error(kind: OutputKind, output: Any) -> MirrorError | None:
    """Return an error that says why `output` cannot be of this kind, or None if it can."""
    mismatch, returned = f"output = '{kind}' does not fit:", f"the model returns {describe_output(output)}"
    if missing := _missing_part(kind, output):
        return MirrorError(f"{mismatch} it needs {missing}, but {returned}.", culprit=kind, accepted=missing)
    answers = answers_of(output)
    if answers is None:
        return None
    match kind:
        case OutputKind.CLASSES if answers.shape[1] == 1:
            return MirrorError(
                f"{mismatch} {returned} number for a picture, and the softmax of a single number is always 1",
                culprit=kind,
                accepted=("labels", "numbers"),
                hint="use 'labels' or 'numbers'",
            )
        case OutputKind.CLASSES if _sums_to_one(answers):
            return MirrorError(
                f"{mismatch} {returned} numbers from 0 to 1 that sum to 1 already",
                culprit=kind,
                accepted=("probabilities",),
                hint="use 'probabilities'",
            )
        case OutputKind.PROBABILITIES if not _lies_between_0_and_1(answers):
            low, high = answers.min().item(), answers.max().item()
            return MirrorError(
                f"{mismatch} the model returns numbers from {low:.3g} to {high:.3g}.",
                culprit=kind,
                accepted=("classes", "labels"),
                hint="Use 'classes' if the softmax is missing, or 'labels' if the sigmoid is.",
            )
    return None


def _missing_part(kind: OutputKind, output: Any) -> str:
    """Return the part that an output of this kind needs and `output` lacks, or ""."""
    match kind:
        case OutputKind.BOXES if not _has_boxes(output):
            return "boxes, scores and labels for each picture"
        case OutputKind.REGIONS if not regions_of(output):
            return "(N, classes, height, width)"
        case OutputKind.CLASSES | OutputKind.LABELS | OutputKind.PROBABILITIES if answers_of(output) is None:
            return f"one number per {kind.noun}, (N, {kind.nouns})"
    return ""


def _assumed_meaning(output: Any, answers: Tensor | None) -> OutputMeaning | None:
    """Return the meaning that is assumed for `output` without a declaration, or None."""
    if _has_boxes(output):
        return OutputMeaning(OutputKind.BOXES)
    if answers is None:
        return OutputMeaning(OutputKind.REGIONS, assumed=True) if regions_of(output) else None
    if answers.shape[1] == 1:
        return OutputMeaning(OutputKind.NUMBERS, assumed=True)
    # Applying the softmax twice would give plausible but wrong pictures.
    return OutputMeaning(OutputKind.PROBABILITIES if _sums_to_one(answers) else OutputKind.CLASSES, assumed=True)


def _has_boxes(output: Any) -> bool:
    return is_list_of_dicts(output) and {"boxes", "scores", "labels"} <= set(output[0])


def _sums_to_one(answers: Tensor) -> bool:
    tolerance = max(_SUM_TOLERANCE, torch.finfo(answers.dtype).eps)
    sums = answers.sum(1, dtype=torch.promote_types(answers.dtype, torch.float32))
    return answers.shape[1] > 1 and _lies_between_0_and_1(answers) and bool(((sums - 1).abs() <= tolerance).all())


def _lies_between_0_and_1(answers: Tensor) -> bool:
    eps = torch.finfo(answers.dtype).eps
    return bool((answers >= -eps).all() and (answers <= 1 + eps).all())
