"""The labels of models in lists: the name, and the size of the download that a model needs; and what a model knows."""

from collections.abc import Iterable
from functools import lru_cache

from mirror_app import live
from mirror_app.models import Model, catalogue
from mirror_app.probe.output_kind import OutputKind

_SEPARATOR = " · "


@lru_cache(maxsize=4096)  # the list of models is drawn in every run of a page
def _with_size(name: str, size: int) -> str:
    amount = f"{size / 2**20:,.0f} MB " if size else ""
    return f"{name}{_SEPARATOR}{amount}to download"


def name_in(label: str) -> str:
    """Return the name of a model, given its label; the model must not be a live one.

    Once a model is downloaded, its label changes. A browser that still shows the old label then sends it as if it were
    a newly entered name.
    """
    return label.partition(_SEPARATOR)[0]


def labels(names: Iterable[str]) -> dict[str, str]:
    """Return the labels of models by name."""
    sizes = catalogue.download_sizes()  # a live model is never downloaded
    return {name: _with_size(name, sizes[name]) if name in sizes else live.display_name(name) for name in names}


def knowledge(name: str, model: Model) -> str:
    """Return in one line what a model knows."""
    if name in catalogue.BUNDLED_MODELS:
        return "Demo model: knows drawn shapes, no photographs."
    if model.untrained:
        return "Untrained: its answers are random."
    count = len(model.classes or model.labels)
    if model.kind is OutputKind.EMBEDDING:
        return f"Returns an embedding of {count:,} numbers{', and reads texts' if model.text_encoder else ''}."
    return f"Knows {count:,} {model.kind.noun if count == 1 else model.kind.nouns}." if count else ""
