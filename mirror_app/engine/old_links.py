"""Former defaults: links without a version omit the parameters that had their default value when they were made."""

from collections.abc import Mapping

# By visualisation and parameter, as text in a link.
FORMER_DEFAULTS: Mapping[str, Mapping[str, str]] = {
    "back-prop": {"show": "colour"},
    "integrated-gradients": {"show": "colour"},
    "smoothgrad": {"show": "colour"},
    "deconvnet": {"show": "colour"},
    "class-picture": {"picture": "pixels", "total_variation": "0.003", "blur": "0.5", "lr": "0.04", "steps": "80"},
}

# Without a layer, old links to these visualisations start at the end of the last stage.
FORMERLY_AT_LAST_STAGE = frozenset({"deep-dream"})


def completed(query: Mapping[str, str]) -> dict[str, str]:
    """Return the query of a link together with the defaults of the time when it was made."""
    former = {} if "v" in query else FORMER_DEFAULTS.get(query.get("visualisation", ""), {})
    return {**former, **query}


def begins_at_last_stage(query: Mapping[str, str]) -> bool:
    """Tell whether an old link without a layer starts at the end of the last stage."""
    return "v" not in query and "layer" not in query and query.get("visualisation") in FORMERLY_AT_LAST_STAGE
