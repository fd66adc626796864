"""All keys of Streamlit's session state, with the type of what is stored there: mostly the values of widgets.

No other module names the session state. A widget whose value is read or set elsewhere takes its key from here.
"""

from collections.abc import Sequence
from typing import Any, Generic, TypeVar

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from mirror_app import params
from mirror_app.params import ClassPicker, Value
from mirror_app.visualisations.registry import Entry

T = TypeVar("T")


class StateValue(Generic[T]):
    """A value in the visitor's session state.

    Args:
        key: The key of the value, and of its widget if it has one.
        default: The value while none is stored.

    Example:
        >>> from mirror_app.ui.state.widget_state import StateValue
        >>> size = StateValue("example-size", default=72)
        >>> size.value
        72
    """

    def __init__(self, key: str, default: T) -> None:
        self.key = key
        self._default = default

    @property
    def value(self) -> T:
        """The value that is stored, or the default."""
        value: T = st.session_state.get(self.key, self._default)
        return value

    @value.setter
    def value(self, value: T) -> None:
        st.session_state[self.key] = value

    @property
    def is_stored(self) -> bool:
        """Whether a value is stored, even if it is the default."""
        return self.key in st.session_state

    def setdefault(self, default: T) -> T:
        """Store `default` unless a value is stored; return the value."""
        value: T = st.session_state.setdefault(self.key, default)
        return value

    def set_if_changed(self, value: T) -> None:
        """Store a value unless it is stored already: storing it again could undo a change in the browser."""
        if not self.is_stored or self.value != value:
            self.value = value

    def forget(self) -> None:
        """Remove the value, so that the default applies."""
        st.session_state.pop(self.key, None)


class ComponentValue:
    """The value that one of Mirror's own components reports; only the component's callbacks may read it.

    A visitor can send any other value in its place, of any type.

    Args:
        key: The key of the component.
        name: The name under which its script reports the value.
    """

    def __init__(self, key: str, name: str) -> None:
        self.key = key
        self._name = name

    @property
    def value(self) -> object:
        """The value that was reported last; None if a visitor sent something without one."""
        return getattr(st.session_state[self.key], self._name, None)


SESSION = StateValue[Any]("mirror", None)  # the `Session`
VISITOR = StateValue("visitor", "")  # a name that no other visitor has

# The sidebar
MODEL = StateValue("model", "")
UNTRAINED = StateValue("untrained", False)
VISUALISATION = StateValue("visualisation", "")
DREAM_VISUALISATION = StateValue("dream-visualisation", "")  # the visualisation of the Dream page
EVERYWHERE = StateValue("everywhere", False)  # whether every stage is shown
TARGET = StateValue[Value](params.TARGET, None)

# The pages
PICKED_INPUT = ComponentValue("strip", "picked")  # the position of the input
PICKED_LAYER = ComponentValue("graph", "picked")
PICKED_LOCATION = ComponentValue("input", "picked")  # the cell of the model input: row, column
WENT_BACK_TO = ComponentValue("browser", "went")  # the query of a URL
BAND_VIEW = StateValue("band-view", "")
OUTPUT_KIND = StateValue("output-kind", "")
CLICKED_UNIT = StateValue[tuple[str, tuple[int, int]] | None]("pointed", None)  # a map, and a (row, column) in it
DRAWN_REGION = ComponentValue("regions", "drawn")  # first and last row, first and last column
CLICKED_REGION = StateValue[tuple[str, str] | None]("region", None)  # the target and the name of a class at a location
WORDS = StateValue("explore.words", "")  # texts to compare with the picture, one in each line
COMPARED_PICTURE = StateValue[str | None]("compared-picture", None)
COMPARED_LAYERS = StateValue[Sequence[str]]("compare.layer", ())
COMPARED_LAYERS_MODEL = StateValue("compare.layers.of", "")  # the model that the layers were chosen for
COMPARED_TARGETS = StateValue[Sequence[str]]("compare.target", ())
COMPARED_TARGETS_MODEL = StateValue("compare.target.of", "")  # the model that the targets were chosen for
COMPARED_INPUTS = StateValue[Sequence[str]]("compare.input", ())
GALLERY_PAGE = StateValue("gallery.page", 1)
GALLERY_ORDER = StateValue[tuple[str, str]]("gallery.shown", ("", ""))  # the order and the class of the last run
PREVIOUS_INPUTS = StateValue[Sequence[str]]("compare.input.known", ())  # the visitor's own pictures at the last run


def param(entry: Entry, name: str) -> StateValue[Value]:
    """Return the value of a parameter; visualisations share the target, so that a change of visualisation keeps it."""
    parameter = entry.params[name]
    return StateValue(name if isinstance(parameter, ClassPicker) else f"{entry.key}.{name}", parameter.default)


def band(colour: str) -> StateValue[int | None]:
    """Return the number of the band that is shown in a colour."""
    return StateValue(f"band.{colour}", None)


def uploads(number: int) -> StateValue[Sequence[UploadedFile]]:
    """Return the files in an uploader; once its files are taken, a new uploader with the next `number` replaces it."""
    return StateValue(f"uploads.{number}", ())


def photograph(number: int) -> StateValue[UploadedFile | None]:
    """Return the photograph of a camera; once it is taken, a new camera with the next `number` replaces this one."""
    return StateValue(f"photo.{number}", None)


def choice(name: str) -> StateValue[str]:
    """Return a choice of one page; its name in links, such as "compare.rows", starts with the name of the page."""
    return StateValue(name, "")


def switch(name: str) -> StateValue[bool]:
    """Return a switch of one page, which is on by default; it is named as in `choice`."""
    return StateValue(name, True)


def choices(name: str, default: Sequence[str]) -> StateValue[Sequence[str]]:
    """Return a choice of several options on one page, named as in `choice`."""
    return StateValue(name, default)


def chosen(picture_id: str) -> StateValue[bool]:
    """Return whether a picture of the gallery is selected."""
    return StateValue(f"chosen.{picture_id}", False)


def forget_choices(page: str) -> None:
    """Forget all choices of a page."""
    for key in [key for key in st.session_state if str(key).startswith(f"{page}.")]:
        del st.session_state[key]


def layer_table(model_name: str) -> StateValue[dict[str, Any]]:
    """Return the state of the table of a model's layers."""
    return StateValue(f"architecture.{model_name}", {})


def tree_choice(key: str) -> StateValue[Any]:
    """Return the record of what Python and the layer tree with this key have sent each other."""
    return StateValue(f"{key}.choice", None)
