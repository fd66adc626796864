"""Reads the query of a link: its keys name the fields and parameters of a request, and its values are text."""

from collections.abc import Mapping
from dataclasses import dataclass

from mirror_app.engine import old_links
from mirror_app.probe.output_kind import OutputKind
from mirror_app.visualisations import registry

OUTPUT = "output-kind"
# The fields of a request except its parameters, by their names in a link.
FIELDS = {"model": "model", "input": "input", "layer": "layer", "visualisation": "visualisation", OUTPUT: "output"}
VERSION_NAME, VERSION = "v", "2"  # `old_links` has the defaults of links without a version


@dataclass(frozen=True)
class LinkParts:
    """The parts of a link, as text.

    Args:
        fields: The fields of a request that the link has, by their names in `Request`.
        params: The parameters of the visualisation, by name.
        choices: Choices that concern one page only, such as "compare.rows", and belong to no request.
    """

    fields: Mapping[str, str]
    params: Mapping[str, str]
    choices: Mapping[str, str]


def split(query: Mapping[str, str]) -> LinkParts:
    """Return the parts of a link; for an old link, they include the defaults of the time when it was made.

    Example:
        >>> from mirror_app.engine import links
        >>> parts = links.split({"model": "shapes", "strength": "0.3", "compare.rows": "layer", "v": "2"})
        >>> parts.fields, parts.params, parts.choices
        ({'model': 'shapes'}, {'strength': '0.3'}, {'compare.rows': 'layer'})
    """
    query = old_links.completed(query)
    return LinkParts(
        fields={field: query[name] for name, field in FIELDS.items() if name in query},
        params={name: text for name, text in query.items() if name not in (*FIELDS, VERSION_NAME) and "." not in name},
        choices={name: text for name, text in query.items() if "." in name},
    )


def parse_field(field: str, text: str) -> str:
    """Return the value of a request's field from the text in a link; the visualisation parses its own parameters.

    Raises:
        MirrorError: There is no such visualisation or output kind.
    """
    match field:
        case "visualisation":
            return registry.get(text).key
        case "output":
            return OutputKind.of(text).value
    return text
