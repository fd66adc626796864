"""Facts about the layers of a model: their tree, their costs, and where data flows between them."""

from collections.abc import Sequence

import torch

from mirror_app import layers, probe
from mirror_app.models import Model


def tree(model: Model) -> list[layers.Layer]:
    """Return the layers of `model` in the order in which they run.

    A view of the model runs on a grey picture of the size that the model expects.

    Args:
        model: The model, as `mirror_app.models.catalogue.load` returns it.

    Returns:
        Every submodule, each parent before its children. The first one, named "", is the model itself. A layer that
        did not run has no `call`.

    Raises:
        MirrorError: The model fails on the grey picture.

    Example:
        >>> from mirror_app import engine
        >>> from mirror_app.models import catalogue
        >>> [layer.name for layer in engine.tree(catalogue.load("shapes"))][:3]
        ['', 'features', 'features.0']
    """
    with model.views.lease(model.extra_inputs) as view, torch.no_grad():
        default, before_last = (probe.default_layer(view, model.blank(), earlier) for earlier in (False, True))
        view.record_calls(model.blank())
        return layers.tree(model.module, view.calls, default, before_last)


def costs(model: Model) -> dict[str, probe.Cost]:
    """Return the cost of each layer of `model` for a grey picture of the size that the model expects.

    Args:
        model: The model. It is not changed.

    Returns:
        The cost by the dotted name of the layer; "" is the model itself.

    Raises:
        MirrorError: The model fails on the grey picture.

    Example:
        >>> from mirror_app import engine
        >>> from mirror_app.models import catalogue
        >>> costs = engine.costs(catalogue.load("shapes"))
        >>> "classifier" in costs
        True
    """
    with model.views.lease(model.extra_inputs) as view:
        return probe.costs(view, model.blank())


def flow(model: Model, names: Sequence[str]) -> list[tuple[str, str]]:
    """Return the pairs (from, to) of layers between which data flows.

    Args:
        model: The model, which runs on a grey picture of the size that it expects. It is not changed.
        names: Dotted names of layers, none of which contains another.

    Returns:
        Pairs of names from `names`.

    Raises:
        MirrorError: The model fails on the grey picture.

    Example:
        >>> from mirror_app import engine
        >>> from mirror_app.models import catalogue
        >>> ("pool", "classifier") in engine.flow(catalogue.load("shapes"), ["features", "pool", "classifier"])
        True
    """
    with model.views.lease(model.extra_inputs) as view:
        return probe.flow(view, model.blank(), names)
