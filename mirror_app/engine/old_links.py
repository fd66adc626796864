"""Former defaults: a link without a version omits parameters that had the default values when the link was made."""

from collections.abc import Mapping

# The former defaults by visualisation and parameter, as text in a link.
FORMER_DEFAULTS: Mapping[str, Mapping[str, str]] = {
    "back-prop": {"show": "colour"},
    "integrated-gradients": {"show": "colour"},
    "smoothgrad": {"show": "colour"},
    "deconvnet": {"show": "colour"},
    "class-picture": {"picture": "pixels", "total_variation": "0.003", "blur": "0.5", "lr": "0.04", "steps": "80"},
}

# For these visualisations, old links without a layer start at the end of the network's last stage.
FORMERLY_AT_LAST_STAGE = frozenset({"deep-dream"})


def completed(query: Mapping[str, str]) -> dict[str, str]:
    """Return the query of a link together with the defaults of the time when it was made."""
    former = {} if "v" in query else FORMER_DEFAULTS.get(query.get("visualisation", ""), {})
    return {**former, **query}


def begins_at_last_stage(query: Mapping[str, str]) -> bool:
    """Tell whether an old link without a layer starts at the end of the last stage."""
    return "v" not in query and "layer" not in query and query.get("visualisation") in FORMERLY_AT_LAST_STAGE
