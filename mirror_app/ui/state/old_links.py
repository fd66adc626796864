"""What links meant before they had a version: the defaults of that time, which such links leave out."""

from collections.abc import Mapping

# By visualisation and parameter, as a link writes them.
FORMER_DEFAULTS: Mapping[str, Mapping[str, str]] = {
    "back-prop": {"show": "colour"},
    "integrated-gradients": {"show": "colour"},
    "smoothgrad": {"show": "colour"},
    "deconvnet": {"show": "colour"},
    "class-picture": {"picture": "pixels", "total_variation": "0.003", "blur": "0.5", "lr": "0.04", "steps": "80"},
}

# Without a layer, a link to one of these began at the end of the last stage.
FORMERLY_AT_LAST_STAGE = frozenset({"deep-dream"})


def completed(query: Mapping[str, str]) -> dict[str, str]:
    """Return a link's query with what it left out for being the default when it was made."""
    former = {} if "v" in query else FORMER_DEFAULTS.get(query.get("visualisation", ""), {})
    return {**former, **query}


def begins_at_last_stage(query: Mapping[str, str]) -> bool:
    """Tell whether a link names no layer, and meant the end of the last stage when it was made."""
    return "v" not in query and "layer" not in query and query.get("visualisation") in FORMERLY_AT_LAST_STAGE
