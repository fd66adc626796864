"""A request holds everything that a picture depends on: the same request gives the same picture everywhere."""

import hashlib
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, fields
from typing import Any

from mirror_app.engine import links
from mirror_app.errors import MirrorError
from mirror_app.params import Value, as_text
from mirror_app.visualisations import registry


@dataclass(frozen=True)
class Request:
    """A computation to run, as a hashable object that can be written as the query of a link or as JSON, and read again.

    Args:
        model: The name of the model.
        input: The identity of the picture, `Picture.id`.
        layer: The dotted name of a layer, as `named_modules()` has it. "" stands for the model itself, "*" for every
            stage of the network.
        visualisation: The key of the visualisation, such as "grad-cam".
        params: The parameters that differ from their defaults, sorted by name.
        output: The meaning of the model's numbers, an `OutputKind` such as "labels". "" keeps the meaning that the
            model declares.

    Example:
        >>> from mirror_app.engine.request import Request
        >>> request = Request("shapes", "checked-heart", "features", "grad-cam", (("target_class", 3),))
        >>> "&".join(f"{name}={value}" for name, value in request.to_query().items())
        'model=shapes&input=checked-heart&layer=features&visualisation=grad-cam&target_class=3&v=2'
        >>> Request.from_query(request.to_query()) == Request.from_json(request.to_json()) == request
        True
    """

    model: str
    input: str
    layer: str
    visualisation: str
    params: tuple[tuple[str, Value], ...] = ()
    output: str = ""

    def to_query(self) -> dict[str, str]:
        """Return the query of the link to this request, as a dictionary of names and texts."""
        subject = {
            name: getattr(self, field) for name, field in links.FIELDS.items() if field != "output" or self.output
        }
        return subject | {name: as_text(value) for name, value in self.params} | {links.VERSION_NAME: links.VERSION}

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> "Request":
        """Return the request that a link opens; choices of one page, such as "compare.rows", are left out.

        Raises:
            MirrorError: A part is missing, or the visualisation, a parameter or the output kind is not accepted.
        """
        parts = links.split(query)
        values = {field: links.parse_field(field, text) for field, text in parts.fields.items()}
        _check_fields(values)
        entry = registry.get(values["visualisation"])
        params = {name: entry.parse(name, text) for name, text in parts.params.items()}
        return cls(**values, params=entry.canonical(params))

    def to_json(self) -> dict[str, Any]:
        """Return this request as a dictionary that can be written as JSON."""
        return {**asdict(self), "params": dict(self.params)}

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> "Request":
        """Return the request in a dictionary that `to_json` made.

        Raises:
            MirrorError: A field is missing or unknown.
        """
        _check_fields(record)
        return cls(**{**record, "params": tuple(sorted(record.get("params", {}).items()))})

    def digest(self) -> str:
        """Return 40 hexadecimal digits that identify this request."""
        return hashlib.sha1(repr(sorted(self.to_query().items())).encode()).hexdigest()


def _check_fields(values: Mapping[str, object]) -> None:
    """Raise MirrorError unless `values` has the fields that a request needs, and no others."""
    names = [field.name for field in fields(Request)]
    for name in values:
        if name not in names:
            raise MirrorError(f"A request has no field '{name[:40]}'.", culprit=name, accepted=names)
    for field in fields(Request):
        if field.default is MISSING and field.name not in values:
            raise MirrorError(f"The {field.name} of the request is missing.", culprit=field.name, accepted="a text")
