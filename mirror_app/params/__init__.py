"""The parameters of visualisations, each declared once in the annotation of an argument.

    def attribute(self, inputs, layer, *, strength: Annotated[float, Slider("How opaque.", max=1)] = 0.5): ...

From this declaration come the argument's check, its widget and help on the page, and its part of a link and of a cache
key.
"""

from mirror_app.params.declarations import as_text, checked, declared
from mirror_app.params.widgets import (
    TARGET,
    ClassPicker,
    Dropdown,
    Number,
    Parameter,
    Radio,
    Slider,
    Text,
    Toggle,
    Value,
)

__all__ = [
    "TARGET",
    "ClassPicker",
    "Dropdown",
    "Number",
    "Parameter",
    "Radio",
    "Slider",
    "Text",
    "Toggle",
    "Value",
    "as_text",
    "checked",
    "declared",
]
