"""A request says everything that a picture depends on. One request, one picture, by every door."""

import hashlib
from dataclasses import dataclass

from mirror_app.params import Value, as_text

OUTPUT = "output-kind"  # in a link: no parameter can have that name
VERSION = "2"  # of links: `old_links` has the defaults of those that say none


@dataclass(frozen=True)
class Request:
    """What is to be computed: frozen, hashable, and one to one with a query string.

    `input` is a picture's identity, `layer` a dotted name ('' is the model itself), `params` the parameters that differ
    from their defaults, in the order of their names. `output` says what the model's numbers are, as an OutputKind has
    it; "" is what the model itself says.
    """

    model: str
    input: str
    layer: str
    visualisation: str
    params: tuple[tuple[str, Value], ...] = ()
    output: str = ""

    def to_query(self) -> dict[str, str]:
        """Return the query string of this request, name by name."""
        own = {"model": self.model, "input": self.input, "layer": self.layer, "visualisation": self.visualisation}
        output = {OUTPUT: self.output} if self.output else {}
        return own | output | {name: as_text(value) for name, value in self.params} | {"v": VERSION}

    def digest(self) -> str:
        """Return 40 hexadecimal digits that no other request shares."""
        return hashlib.sha1(repr(sorted(self.to_query().items())).encode()).hexdigest()
