"""Which kind of output a model has: as declared, else as its own configuration says, else what is usual.

Where nobody says anything, one number is a number and several are the scores of classes, which is marked as assumed.
"""

from typing import Any

import torch
from torch import Tensor, nn

from mirror_app.errors import MirrorError
from mirror_app.probe.configuration import configured_meaning
from mirror_app.probe.output_kind import OutputKind, OutputMeaning
from mirror_app.probe.outputs import class_logits, describe_output, is_list_of_dicts, regions_of, single_tensor
from mirror_app.probe.view import View

_ROUNDING = 1e-4  # how far from 1 the sum of float32 probabilities may be


def answers_of(output: Any) -> Tensor | None:
    """Return the numbers (N, K) in a model's output, None where it has others; one for each picture, (N,), is K = 1."""
    answers = single_tensor(output)
    if answers is not None and answers.ndim == 1 and answers.is_floating_point():
        return answers[:, None]
    return class_logits(output)


def predict_answers(view: View, inputs: Tensor) -> Tensor | None:
    """Return the `answers_of` the model for `inputs` (N, C, H, W): one picture at a time where they are coupled."""
    view.ensure_observed(inputs)
    together = len(inputs) if len(inputs) == 1 or view.is_batch_independent else 1
    found = [answers_of(view.predict(part)) for part in inputs.split(together)]
    answers = [part for part in found if part is not None]
    return torch.cat(answers) if len(answers) == len(found) else None


def meaning_of(output: Any, module: nn.Module, declared: OutputKind | None = None) -> OutputMeaning | None:
    """Return what the `output` of `module` means; None where nobody says it and nothing usual fits.

    `declared` is what the person who brought the model says. Raises MirrorError where that cannot be.
    """
    if declared is not None:
        if reason := mismatch_reason(declared, output):
            raise MirrorError(reason)
        return OutputMeaning(declared)
    answers = answers_of(output)
    found = configured_meaning(module, 0 if answers is None else answers.shape[1])
    if found is None or mismatch_reason(found.kind, output):
        return _usual(output, answers)
    if found.assumed and found.kind is OutputKind.LABELS and answers is not None and _lies_between_0_and_1(answers):
        # The sigmoid of a sigmoid would be a plausible picture of the wrong thing.
        return OutputMeaning(OutputKind.PROBABILITIES, assumed=True)
    return found


def mismatch_reason(kind: OutputKind, output: Any) -> str:
    """Return in a sentence why `output` cannot be of that kind; "" where it can."""
    answers, gives = answers_of(output), f"output = '{kind}' does not fit: the model gives {describe_output(output)}"
    match kind:
        case OutputKind.NUMBERS | OutputKind.EMBEDDING:
            return ""
        case OutputKind.BOXES:
            return "" if _has_boxes(output) else f"{gives}, where boxes, scores and labels for each picture are needed."
        case OutputKind.REGIONS:
            return "" if regions_of(output) else f"{gives}, where (N, classes, height, width) is needed."
        case _ if answers is None:
            return f"{gives}, where one number for each of the {kind}, (N, {kind}), is needed."
        case OutputKind.CLASSES if answers.shape[1] == 1:
            return f"{gives} number for a picture, and the softmax of one is always 1: say 'labels' or 'numbers'."
        case OutputKind.CLASSES if _sums_to_one(answers):
            return f"{gives} numbers from 0 to 1 that sum to 1 already: say 'probabilities'."
        case OutputKind.PROBABILITIES if not _lies_between_0_and_1(answers):
            low, high = answers.min().item(), answers.max().item()
            return (
                f"output = 'probabilities' does not fit: the model gives numbers from {low:.3g} to {high:.3g}. Say "
                "'classes' if the softmax is missing, or 'labels' if the sigmoid is."
            )
    return ""


def _usual(output: Any, answers: Tensor | None) -> OutputMeaning | None:
    """Return what such an output is most often."""
    if _has_boxes(output):
        return OutputMeaning(OutputKind.BOXES)
    if answers is None:
        return OutputMeaning(OutputKind.REGIONS, assumed=True) if regions_of(output) else None
    if answers.shape[1] == 1:
        return OutputMeaning(OutputKind.NUMBERS, assumed=True)
    # The softmax of a softmax would be a plausible picture of the wrong thing.
    return OutputMeaning(OutputKind.PROBABILITIES if _sums_to_one(answers) else OutputKind.CLASSES, assumed=True)


def _has_boxes(output: Any) -> bool:
    return is_list_of_dicts(output) and {"boxes", "scores", "labels"} <= set(output[0])


def _sums_to_one(answers: Tensor) -> bool:
    rounding = max(_ROUNDING, torch.finfo(answers.dtype).eps)
    sums = answers.sum(1, dtype=torch.promote_types(answers.dtype, torch.float32))
    return answers.shape[1] > 1 and _lies_between_0_and_1(answers) and bool(((sums - 1).abs() <= rounding).all())


def _lies_between_0_and_1(answers: Tensor) -> bool:
    rounding = torch.finfo(answers.dtype).eps
    return bool((answers >= -rounding).all() and (answers <= 1 + rounding).all())
