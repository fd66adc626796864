"""A request holds everything that a picture depends on: the same request gives the same picture everywhere."""

import hashlib
from dataclasses import dataclass

from mirror_app.params import Value, as_text

OUTPUT = "output-kind"  # in a link; no parameter can have this name
VERSION = "2"  # of links; `old_links` has the defaults of links without a version


@dataclass(frozen=True)
class Request:
    """What to compute: frozen, hashable, and one to one with the query string of a link.

    Args:
        model: The name of the model.
        input: The identity of the picture, `Picture.id`.
        layer: The dotted name of a layer, as `named_modules()` has it. "" is the model itself, "*" is every stage.
        visualisation: The key of the visualisation, such as "grad-cam".
        params: The parameters that differ from their defaults, sorted by name.
        output: What the model's numbers mean, as an `OutputKind`, such as "labels"; "" for what the model declares.

    Example:
        >>> from mirror_app.engine.request import Request
        >>> request = Request("shapes", "checked-heart", "features", "grad-cam", (("target_class", 3),))
        >>> "&".join(f"{name}={value}" for name, value in request.to_query().items())
        'model=shapes&input=checked-heart&layer=features&visualisation=grad-cam&target_class=3&v=2'
    """

    model: str
    input: str
    layer: str
    visualisation: str
    params: tuple[tuple[str, Value], ...] = ()
    output: str = ""

    def to_query(self) -> dict[str, str]:
        """Return the query string of the link to this request, as a dictionary of names and values."""
        subject = {"model": self.model, "input": self.input, "layer": self.layer, "visualisation": self.visualisation}
        output = {OUTPUT: self.output} if self.output else {}
        return subject | output | {name: as_text(value) for name, value in self.params} | {"v": VERSION}

    def digest(self) -> str:
        """Return 40 hexadecimal digits that identify this request."""
        return hashlib.sha1(repr(sorted(self.to_query().items())).encode()).hexdigest()
