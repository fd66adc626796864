"""Runs a method at every stage of a network, for one map per stage."""

from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from mirror_app import layers, render
from mirror_app.errors import MirrorError
from mirror_app.probe import View
from mirror_app.visualisations.core.attribution import Attribution
from mirror_app.visualisations.core.info import Info


def at_every_stage(
    view: View, attribute: Callable[..., Iterator[Attribution]], inputs: Tensor, **params: Any
) -> Iterator[Attribution]:
    """Yield a frame after each of the S stages of the network, with the maps of all stages so far.

    Args:
        view: The view of the model.
        attribute: The method, called as `attribute(inputs, layer, **params)`.
        inputs: The inputs (N, C, H, W).
        params: The parameters of the method.

    Yields:
        The frames. Their maps (N · S, H, W) are ordered by item and then by stage, and have the size of the inputs.
        Stages at which the method raises MirrorError are left out.

    Raises:
        MirrorError: If the method raises it at every stage, or if the network has no stages.
    """
    with torch.no_grad():
        view.record_calls(inputs[:1])
    stages = layers.stages(layers.tree(view.source, view.calls))
    maps: dict[str, Tensor] = {}
    stages_by_note: dict[str, list[str]] = {}
    error = MirrorError("The model has no layer with a spatial map.", culprit=type(view.source).__name__)
    for number, stage in enumerate(stages):
        try:
            result = deque(attribute(inputs, stage, **params), maxlen=1).pop()
        except MirrorError as refusal:
            error = refusal
            continue
        if note := result.info.note:
            stages_by_note.setdefault(note, []).append(stage)
        evidence = result.raw if result.raw.ndim == 3 else result.raw.sum(1)
        maps[stage] = render.resize(evidence, (inputs.shape[2], inputs.shape[3]))
        notes = " ".join(f"At {', '.join(names)}: {note}" for note, names in stages_by_note.items())
        info = result.info | Info(layers=list(maps), note=notes, progress=(number + 1) / len(stages))
        yield Attribution(torch.stack(list(maps.values()), 1).flatten(0, 1), info)
    if not maps:
        raise error
