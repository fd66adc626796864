"""What is known of a model's layers: their tree, what they cost, where data flows."""

from collections.abc import Sequence

import torch

from mirror_app import layers, probe
from mirror_app.models import Model


def tree(model: Model) -> list[layers.Layer]:
    """Return the layers of `model` in the order in which they run on a grey picture of the size that it expects."""
    with model.views.lease(model.extra_inputs) as view, torch.no_grad():
        default, before_last = (probe.default_layer(view, model.blank(), earlier) for earlier in (False, True))
        view.record_calls(model.blank())
        return layers.tree(model.module, view.calls, default, before_last)


def costs(model: Model) -> dict[str, probe.Cost]:
    """Return what each layer of `model` costs for a grey picture of the size that it expects."""
    with model.views.lease(model.extra_inputs) as view:
        return probe.costs(view, model.blank())


def flow(model: Model, names: Sequence[str]) -> list[tuple[str, str]]:
    """Return between which of the layers `names`, none of which lies in another, data flows: (from, to)."""
    with model.views.lease(model.extra_inputs) as view:
        return probe.flow(view, model.blank(), names)
