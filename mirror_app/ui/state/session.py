"""What one visitor has chosen, and how a link becomes a choice."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import streamlit as st

from mirror_app import layers, live
from mirror_app.bundled.examples import examples
from mirror_app.engine.request import OUTPUT, Request
from mirror_app.errors import MirrorError
from mirror_app.images import Picture, with_colours
from mirror_app.images.bands import Colours
from mirror_app.models import catalogue
from mirror_app.params import ClassPicker
from mirror_app.probe.output_kind import OutputKind
from mirror_app.ui.state import old_links
from mirror_app.visualisations import registry

FIRST = "grad-cam"  # the visualisation that a newcomer sees
TARGET = "target_class"
MAX_PICTURES = 24  # pictures that one visitor may have at a time
MAX_PIXELS = 100_000_000  # pixels that one visitor's own pictures may have together


@dataclass
class Session:
    """One visitor's state: the pictures, the choice as a Request, and sentences that wait to be shown once.

    `live_session` is what a Python session shows, where its address led here. What a widget holds (model,
    visualisation, parameters) lives in Streamlit's session state under the widget's key.
    """

    live_session: live.LiveSession | None = None
    pictures: dict[str, Picture] = field(init=False)
    picture: str = field(init=False)
    layer: str | None = None
    layer_entry: registry.Entry | None = None  # the visualisation that the layer was chosen for
    linked_layer: str | None = None  # from the address, until the model is there to ask
    link_at_last_stage: bool = False  # whether a link of old begins at the last stage, until the model is there to ask
    linked: dict[str, str] = field(default_factory=dict)  # from the address, until the page that it belongs to asks
    run_requested: bool = False  # whether what takes long was asked for: by a press on “Dream”, or by a link
    explore_next: bool = False  # whether Explore is to be shown next
    target_model: str | None = None  # the model that the target was chosen for
    outputs: dict[str, str] = field(default_factory=dict)  # what the visitor says that a model's numbers are
    page: str = ""  # the one that `written_query` is of
    written_query: dict[str, str | None] = field(default_factory=dict)  # what was written into the address last
    uploads: int = 0
    problems: list[str] = field(default_factory=list)
    request: Request = field(init=False)

    def __post_init__(self) -> None:
        self.pictures = {picture.id: picture for picture in self.initial_pictures}
        self.picture = next(iter(self.pictures))

    @property
    def initial_pictures(self) -> Sequence[Picture]:
        """The pictures that were there before the visitor brought any."""
        return self.live_session.pictures if self.live_session else examples()

    @property
    def models(self) -> Sequence[str]:
        """The names of the models that can be picked."""
        return list(self.live_session.models) if self.live_session else catalogue.names()

    @property
    def entries(self) -> Sequence[registry.Entry]:
        """The visualisations that can be picked."""
        return self.live_session.entries if self.live_session else registry.entries()

    @property
    def default_visualisation(self) -> str:
        """The key of the visualisation that is shown first: where some were named, the first of them."""
        return FIRST if list(self.entries) == registry.entries() else self.entries[0].key

    @property
    def added_pictures(self) -> list[Picture]:
        """The pictures that the visitor brought."""
        given = {picture.id for picture in self.initial_pictures}
        return [picture for picture in self.pictures.values() if picture.id not in given]

    @property
    def takes_pictures(self) -> bool:
        """Whether a visitor's pictures can become inputs: not where these are bands, which no picture file has."""
        return not any(picture.band_count for picture in self.initial_pictures)

    def add(self, picture: Picture) -> None:
        """Take a picture of the visitor's and select it; raise MirrorError where there are too many."""
        pixels = sum(own.pixels.size // 3 for own in self.added_pictures) + picture.pixels.size // 3
        if picture.id not in self.pictures and (pixels > MAX_PIXELS or len(self.added_pictures) == MAX_PICTURES):
            raise MirrorError(f"There is no room for '{picture.name}': remove some of your pictures first.")
        self.pictures.setdefault(picture.id, picture)
        self.picture = picture.id

    def show_bands(self, colours: Colours | None) -> None:
        """Show those bands of every input as red, green and blue; None for the mean of all in grey."""
        self.pictures = {key: with_colours(picture, colours) for key, picture in self.pictures.items()}

    def remove(self, picture_id: str) -> None:
        """Forget a picture of the visitor's and select the first."""
        del self.pictures[picture_id]
        self.picture = next(iter(self.pictures))


def current() -> Session:
    """Return the visitor's session; at its start, what the address asks for is chosen."""
    if "mirror" not in st.session_state:
        query = st.query_params.to_dict()
        st.session_state.mirror = session = Session(live.session_of(query.get("model", "")))
        _follow(query, session)
    found: Session = st.session_state.mirror
    return found


def choose(request: Request) -> None:
    """Make `request` the visitor's choice; only a callback may call this, before any widget is drawn."""
    session, entry = current(), registry.get(request.visualisation)
    session.target_model = request.model
    _choose_model(session, request.model)
    choose_output(request.model, request.output)
    st.session_state.visualisation = entry.key
    st.session_state.everywhere = request.layer == layers.EVERY
    if request.layer != layers.EVERY:
        session.layer, session.layer_entry = request.layer, entry
    session.picture = request.input
    values = dict(request.params)
    for name, parameter in entry.params.items():
        st.session_state[param_key(entry, name)] = values.get(name, parameter.default)


def open_in_explore(request: Request) -> None:
    """Make `request` the visitor's choice, and show Explore next; for callbacks, as `choose`."""
    choose(request)
    current().explore_next = True


def go_to(query: Mapping[str, str]) -> None:
    """Make the view that an address of this visit holds the visitor's choice; for callbacks, as `choose`."""
    session = current()
    for name in [name for name in st.session_state if str(name).startswith("compare.")]:
        del st.session_state[name]
    if query.get("visualisation") in {entry.key for entry in session.entries}:
        entry = registry.get(query["visualisation"])
        for name, parameter in entry.params.items():
            st.session_state[param_key(entry, name)] = parameter.default
    session.target_model = None
    _follow(query, session)
    session.run_requested = False  # what takes long does not begin again


def explain_target(entry: registry.Entry, target: str) -> None:
    """Let `entry` show why the model gives `target`; only a callback may call this, before any widget is drawn."""
    st.session_state.visualisation, st.session_state.everywhere = entry.key, False
    st.session_state[TARGET] = entry.parse(TARGET, target)


def choose_output(model_name: str, word: str) -> None:
    """Take the numbers of that model for what `word` says; "" for what the model itself says."""
    outputs = current().outputs
    outputs.pop(model_name, None)
    if word:
        outputs[model_name] = word


def set_if_changed(key: str, value: object) -> None:
    """Let a widget have a value; one that it has already would undo what is chosen in the browser meanwhile."""
    if st.session_state.get(key) != value:
        st.session_state[key] = value


def param_key(entry: registry.Entry, name: str) -> str:
    """Return the key of the widget for a parameter; what is asked for stays when another visualisation is chosen."""
    return name if isinstance(entry.params.get(name), ClassPicker) else f"{entry.key}.{name}"


def _follow(query: Mapping[str, str], session: Session) -> None:
    """Choose what a link asks for; what it gets wrong stays at its default, and is said."""
    session.link_at_last_stage = old_links.begins_at_last_stage(query)
    query = old_links.completed(query)

    def attempt(name: str, choose: Callable[[str], None]) -> None:
        if name in query:
            try:
                choose(query[name])
            except MirrorError as error:
                session.problems.append(f"In the link: {error}")

    def choose_visualisation(text: str) -> None:
        entry = registry.get(text)
        if entry not in session.entries:
            raise MirrorError(f"{entry.name} is not available here.")
        st.session_state.visualisation = entry.key

    def choose_layer(text: str) -> None:
        st.session_state.everywhere = text == layers.EVERY
        session.linked_layer = None if text == layers.EVERY else text

    def choose_picture(text: str) -> None:
        if text not in session.pictures:
            raise MirrorError("its picture is not here, since uploaded pictures do not travel: upload it, too.")
        session.picture = text

    def choose_parameter(name: str, text: str) -> None:
        st.session_state[param_key(entry, name)] = entry.parse(name, text)

    def choose_kind(text: str) -> None:
        session.outputs[query.get("model") or session.models[0]] = OutputKind.of(text)

    session.outputs.pop(query.get("model", ""), None)  # what was said before is not in this link
    attempt("model", partial(_choose_model, session))
    attempt(OUTPUT, choose_kind)
    attempt("visualisation", choose_visualisation)
    attempt("layer", choose_layer)
    attempt("input", choose_picture)
    entry = registry.get(st.session_state.setdefault("visualisation", session.default_visualisation))
    session.run_requested = "visualisation" in query
    for name in query:
        if "." in name:
            session.linked[name] = query[name]
        elif name not in ("model", "visualisation", "layer", "input", OUTPUT, "v"):
            attempt(name, partial(choose_parameter, name))


def _choose_model(session: Session, name: str) -> None:
    if session.live_session:
        st.session_state.model = name
        return
    plain = catalogue.check(name).removesuffix(catalogue.UNTRAINED)
    st.session_state.model, st.session_state.untrained = plain, plain != name
