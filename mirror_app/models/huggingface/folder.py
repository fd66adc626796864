"""A model in a folder, as libraries save it: its configuration, its weights in safetensors, and which library reads it.

The folder comes from the hub, or from `save_pretrained` of Transformers, `save_for_hf` of timm, or open_clip.
"""

import json
from collections.abc import Collection
from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from mirror_app.errors import MirrorError

CONFIG, OPEN_CLIP_CONFIG = "config.json", "open_clip_config.json"
_PREPROCESSING = ("preprocessor_config.json", "processor_config.json")
SAFETENSORS = ".safetensors"
WEIGHTS, _OPEN_CLIP_WEIGHTS = "model.safetensors", "open_clip_model.safetensors"
_INDEX = "model.safetensors.index.json"  # lists the files, if the weights are split among several files
# How a model that reads texts, too, splits them.
_TOKENIZER = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.json", "merges.txt")
CONFIGURATIONS = (CONFIG, OPEN_CLIP_CONFIG, *_PREPROCESSING, *_TOKENIZER, _INDEX)


class Library(StrEnum):
    """The library that reads a folder, by the name of its package; `extra` is what installs it."""

    TIMM = "timm"
    TRANSFORMERS = "transformers"
    OPEN_CLIP = "open_clip"

    @property
    def extra(self) -> str:
        """The extra of Mirror that installs the library."""
        return {"timm": "timm", "transformers": "hf", "open_clip": "clip"}[self]


def require_library(path: Path, name: str) -> Library:
    """Return the library that reads a folder; raise MirrorError if there is none, or if it is not installed."""
    library = _library(path)
    if library is None:
        raise MirrorError(
            f"'{name}' is not a model of timm, Transformers or open_clip: its {CONFIG} names neither an architecture "
            "nor a model type.",
            culprit=name,
        )
    require_package(library, name)
    return library


def require_package(library: Library, name: str) -> None:
    """Raise MirrorError, with the command that installs it, if the library is not installed."""
    if find_spec(library) is None:
        raise MirrorError(
            f"'{name}' needs the package {library}",
            culprit=library,
            accepted="an installed package",
            hint=f"pip install '.[{library.extra}]'",
        )


def read_json(path: Path) -> dict[str, Any]:
    """Return the object in a JSON file; raise MirrorError if it holds anything else."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise MirrorError(f"'{path.name}' cannot be read.", culprit=str(path)) from error
    if not isinstance(content, dict):
        raise MirrorError(f"'{path.name}' is not a JSON object.", culprit=str(path))
    return content


def weight_files(files: Collection[str]) -> list[str]:
    """Return which of `files` hold the weights; [] if none are in the safetensors format."""
    if WEIGHTS in files and CONFIG in files:
        return [WEIGHTS]
    if _INDEX in files:
        return sorted(file for file in files if file.startswith("model-") and file.endswith(SAFETENSORS))
    return [_OPEN_CLIP_WEIGHTS] if {_OPEN_CLIP_WEIGHTS, OPEN_CLIP_CONFIG} <= set(files) else []


def is_complete(path: Path) -> bool:
    """Tell whether a downloaded folder holds all that its model needs."""
    # A file in the hub's cache is a link, which may point to a file that is gone.
    files = {file.name for file in path.glob("*") if file.exists()}
    if not weight_files(files):
        return False
    if _INDEX in files and WEIGHTS not in files:
        return set(read_json(path / _INDEX).get("weight_map", {}).values()) <= files
    is_for_transformers = CONFIG in files and _library(path) is Library.TRANSFORMERS
    return not is_for_transformers or any(file in files for file in _PREPROCESSING)


def _library(path: Path) -> Library | None:
    config = read_json(path / CONFIG) if (path / CONFIG).is_file() else {}
    if "architecture" in config:
        return Library.TIMM
    if "model_type" in config:
        return Library.TRANSFORMERS
    return Library.OPEN_CLIP if (path / OPEN_CLIP_CONFIG).is_file() else None
