"""What links meant before they had a version: the defaults of that time, which such links leave out."""

from collections.abc import Mapping

# By visualisation and parameter, as a link writes them.
FORMER_DEFAULTS: Mapping[str, Mapping[str, str]] = {
    "back-prop": {"show": "colour"},
    "integrated-gradients": {"show": "colour"},
    "smoothgrad": {"show": "colour"},
    "deconvnet": {"show": "colour"},
}


def completed(query: Mapping[str, str]) -> dict[str, str]:
    """Return a link's query with what it left out for being the default when it was made."""
    former = {} if "v" in query else FORMER_DEFAULTS.get(query.get("visualisation", ""), {})
    return {**former, **query}
