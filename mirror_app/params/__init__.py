"""The parameters of visualisations, each declared once in the annotation of an argument.

    def attribute(self, inputs, layer, *, strength: Annotated[float, Slider("How opaque.", max=1)] = 0.5): ...

The declaration determines how the argument is checked, which widget and help the page shows for it, and how it appears
in links and cache keys.
"""

from mirror_app.params.declarations import as_text, checked, declared
from mirror_app.params.widgets import (
    TARGET,
    ClassPicker,
    Dropdown,
    Location,
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
    "Location",
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
