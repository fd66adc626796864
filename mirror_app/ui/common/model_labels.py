"""The labels of models in lists: the name, and the size of the download that a model needs."""

from mirror_app import live
from mirror_app.models import catalogue


def label(name: str, sizes: dict[str, int]) -> str:
    """Return the label of a model; `sizes` are the sizes in bytes of those that must be downloaded, 0 if unknown."""
    shown = live.display_name(name)
    match sizes.get(name):
        case None:
            return shown
        case 0:
            return f"{shown} · to download"
        case size:
            return f"{shown} · {size / 2**20:,.0f} MB to download"


def labels(names: list[str]) -> dict[str, str]:
    """Return the labels of several models by name."""
    sizes = catalogue.download_sizes()
    return {name: label(name, sizes) for name in names}
