"""The session of one visitor: what is selected, and how a link selects it."""

import math
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from mirror_app import layers, live, params
from mirror_app.bundled.examples import examples
from mirror_app.decoding.reading import printable
from mirror_app.engine import links, old_links
from mirror_app.engine.request import Request
from mirror_app.errors import MirrorError
from mirror_app.images import Picture, with_colours
from mirror_app.images.bands import Colours
from mirror_app.models import catalogue
from mirror_app.params import Value
from mirror_app.settings.server import server_settings
from mirror_app.ui.state import widget_state
from mirror_app.visualisations import registry

FIRST = "grad-cam"  # the visualisation of a new session
EXPLORE, COMPARE = "Explore", "Compare"  # the titles of pages that others open


@dataclass
class Session:
    """The state of one visitor: the pictures, the selection as a Request, and messages to show once.

    `live_session` holds the objects of a Python session, if the visitor follows its link. The values of widgets (model,
    visualisation, parameters) are in Streamlit's session state, under the widgets' keys.
    """

    live_session: live.LiveSession | None = None
    pictures: dict[str, Picture] = field(init=False)
    picture: str = field(init=False)
    layer: str | None = None
    layer_entry: registry.Entry | None = None  # the visualisation that the layer was selected for
    linked_layer: str | None = None  # the layer in the link, kept until the model is loaded
    link_at_last_stage: bool = False  # whether an old link asks for the last stage; cleared when the layer is selected
    linked: dict[str, str] = field(default_factory=dict)  # a page's choices in the link, until that page reads them
    run_requested: bool = False  # whether Dream was pressed, or a link to a dream was opened
    next_page: str = ""  # the title of the page to open next
    target_model: str | None = None  # the model that the target was selected for
    outputs: dict[str, str] = field(default_factory=dict)  # the output kinds that the visitor chose, by model
    page: str = ""  # the page that wrote `written_query`
    written_query: dict[str, str | None] = field(default_factory=dict)  # the URL parameters that were written last
    uploads: int = 0  # how many times files were uploaded
    unread_files: deque[UploadedFile] = field(default_factory=deque)  # uploaded files to decode
    refusals: list[str] = field(default_factory=list)  # why some of these files were not added
    added_at: dict[str, float] = field(default_factory=dict)  # when each picture was added, on `time.perf_counter`
    problems: list[str] = field(default_factory=list)
    request: Request = field(init=False)

    def __post_init__(self) -> None:
        self.pictures = {picture.id: picture for picture in self.initial_pictures}
        self.picture = next(iter(self.pictures))

    @property
    def initial_pictures(self) -> Sequence[Picture]:
        """The pictures that were there before the visitor added any."""
        return self.live_session.pictures if self.live_session else examples()

    @property
    def models(self) -> Sequence[str]:
        """The names of the models to choose from."""
        return list(self.live_session.models) if self.live_session else catalogue.names()

    @property
    def entries(self) -> Sequence[registry.Entry]:
        """The visualisations to choose from."""
        return self.live_session.entries if self.live_session else registry.entries()

    @property
    def default_entry(self) -> registry.Entry:
        """The visualisation that is shown first."""
        return registry.get(FIRST) if list(self.entries) == registry.entries() else self.entries[0]

    @property
    def selected_picture(self) -> Picture:
        """The input that is selected."""
        return self.pictures[self.picture]

    @property
    def added_pictures(self) -> list[Picture]:
        """The pictures that the visitor added."""
        initial_ids = {picture.id for picture in self.initial_pictures}
        return [picture for picture in self.pictures.values() if picture.id not in initial_ids]

    @property
    def takes_pictures(self) -> bool:
        """Whether picture files can become inputs. They cannot if the model expects bands, which such files lack."""
        return not any(picture.band_count for picture in self.initial_pictures)

    def require_place(self, name: str) -> None:
        """Raise MirrorError if the visitor has as many pictures as allowed, before the file `name` is read in vain."""
        limit = server_settings().limits.visitor_pictures
        if len(self.added_pictures) >= limit:
            raise _limit_reached(counted(limit), printable(name))

    def add(self, picture: Picture) -> None:
        """Add a picture and select it; raise MirrorError if a limit is reached."""
        if picture.id not in self.pictures:
            self._require_room(picture)
        self.pictures.setdefault(picture.id, picture)
        self.added_at.setdefault(picture.id, time.perf_counter())
        self.picture = picture.id

    def _require_room(self, picture: Picture) -> None:
        self.require_place(picture.name)
        limits, stored = server_settings().limits, [each.stored for each in [*self.added_pictures, picture]]
        if sum(math.prod(each.shape[:2]) for each in stored) > limits.visitor_megapixels * 10**6:
            raise _limit_reached(f"{limits.visitor_megapixels} megapixels", picture.name)
        if sum(each.file_bytes for each in stored) > limits.upload_megabytes * 2**20:
            raise _limit_reached(f"{limits.upload_megabytes} MB", picture.name)

    def may_know(self, finished: float) -> bool:
        """Tell whether the page may call a result of the selected picture cached, given the time when it was finished.

        If it is older than this visitor's picture, somebody else had the same picture, which is nobody's business.
        """
        return finished >= self.added_at.get(self.picture, float("-inf"))

    def show_bands(self, colours: Colours | None) -> None:
        """Show three bands of each input as red, green and blue; with None, show the mean of all bands in grey."""
        self.pictures = {key: with_colours(picture, colours) for key, picture in self.pictures.items()}

    def remove(self, *picture_ids: str) -> None:
        """Remove pictures that the visitor added; if the selected one is among them, select the first one."""
        for picture_id in picture_ids:
            self.pictures.pop(picture_id, None)
        if self.picture not in self.pictures:
            self.picture = next(iter(self.pictures))


def counted(pictures: int) -> str:
    """Return a number of pictures in words, such as “1 picture”."""
    return f"{pictures} picture{'' if pictures == 1 else 's'}"


def _limit_reached(limit: str, name: str) -> MirrorError:
    problem = f"Limit of {limit} reached; '{name}' was not added."
    return MirrorError(problem, culprit=name, accepted=f"at most {limit}")


def current() -> Session:
    """Return the visitor's session; a new session starts with the selection of its link."""
    if not widget_state.SESSION.is_stored:
        query = st.query_params.to_dict()
        widget_state.SESSION.value = Session(_live_session(query))
        _apply_query(query, widget_state.SESSION.value)
    session: Session = widget_state.SESSION.value
    return session


def _live_session(query: Mapping[str, str]) -> live.LiveSession | None:
    """Return the live session of a link; an address without a model opens the latest one, on this computer only."""
    if "model" in query:
        return live.session_of(query["model"])
    is_on_this_computer = st.context.ip_address is None
    return live.latest() if is_on_this_computer else None


def choose(request: Request) -> None:
    """Select `request`. Only for callbacks, which run before any widget is drawn."""
    session, entry = current(), registry.get(request.visualisation)
    session.target_model = request.model
    _choose_model(session, request.model)
    choose_output(request.model, request.output)
    widget_state.VISUALISATION.value = entry.key
    widget_state.EVERYWHERE.value = request.layer == layers.EVERY
    if request.layer != layers.EVERY:
        session.layer, session.layer_entry = request.layer, entry
    session.picture = request.input
    _set_params(entry, dict(request.params))


def open_in_explore(request: Request) -> None:
    """Select `request` and open Explore next. Only for callbacks, like `choose`."""
    choose(request)
    current().next_page = EXPLORE


def go_to(query: Mapping[str, str]) -> None:
    """Select the view of another link during a visit. Only for callbacks, like `choose`."""
    session = current()
    widget_state.forget_choices("compare")
    widget_state.forget_choices("gallery")
    for entry in session.entries:
        if entry.key == query.get("visualisation"):
            _set_params(entry, {})
    session.target_model = None
    _apply_query(query, session)
    session.run_requested = False  # going back does not start a dream again


def explain_target(entry: registry.Entry, target: str) -> None:
    """Select `entry` and let it explain `target`. Only for callbacks, like `choose`."""
    choose_visualisation(entry)
    widget_state.TARGET.value = entry.parse(params.TARGET, target)


def choose_visualisation(entry: registry.Entry) -> None:
    """Select `entry`, at a single layer. Only for callbacks, like `choose`."""
    widget_state.VISUALISATION.value, widget_state.EVERYWHERE.value = entry.key, False


def choose_layer(layer: str) -> None:
    """Select a single layer. Only for callbacks, like `choose`."""
    current().layer, widget_state.EVERYWHERE.value = layer, False


def choose_output(model_name: str, kind: str) -> None:
    """Select the output kind of a model; "" stands for the kind that the model itself declares."""
    outputs = current().outputs
    outputs.pop(model_name, None)
    if kind:
        outputs[model_name] = kind


def _set_params(entry: registry.Entry, values: Mapping[str, Value]) -> None:
    """Set all parameters of a visualisation; those without a value get their default."""
    for name, parameter in entry.params.items():
        widget_state.param(entry, name).value = values.get(name, parameter.default)


def _apply_query(query: Mapping[str, str], session: Session) -> None:
    """Select the values in a link; a wrong value is reported, and the default is used instead."""
    link = links.split(query)

    def attempt(choose: Callable[[], None]) -> None:
        try:
            choose()
        except MirrorError as error:
            session.problems.append(f"In the link: {error}")

    def choose_offered(key: str) -> None:
        entry = registry.get(key)
        if entry not in session.entries:
            raise MirrorError(f"{entry.name} is not available here.", culprit=entry.name)
        widget_state.VISUALISATION.value = key

    def choose_layer(layer: str) -> None:
        widget_state.EVERYWHERE.value = layer == layers.EVERY
        session.linked_layer = None if layer == layers.EVERY else layer

    def choose_picture(picture_id: str) -> None:
        if picture_id not in session.pictures:
            session.problems.append(
                "This link used an uploaded picture, which links cannot include, and reloading a page loses it. To see "
                "the same view, upload the picture again, or the ZIP file from “Download”."
            )
            return
        session.picture = picture_id

    def choose_kind(kind: str) -> None:
        session.outputs[link.fields.get("model") or session.models[0]] = kind

    choosers: Mapping[str, Callable[[str], None]] = {
        "model": partial(_choose_model, session),
        "output": choose_kind,
        "visualisation": choose_offered,
        "layer": choose_layer,
        "input": choose_picture,
    }

    def choose_field(name: str) -> None:
        choosers[name](links.parse_field(name, link.fields[name]))

    def choose_parameter(name: str) -> None:
        value = entry.parse(name, link.params[name])
        widget_state.param(entry, name).value = value

    # If the link names no output kind, the kind that the model declares applies.
    session.outputs.pop(link.fields.get("model", ""), None)
    session.link_at_last_stage = old_links.begins_at_last_stage(query)
    for name in choosers:
        if name in link.fields:
            attempt(partial(choose_field, name))
    entry = registry.get(widget_state.VISUALISATION.setdefault(session.default_entry.key))
    for name in link.params:
        attempt(partial(choose_parameter, name))
    session.linked.update(link.choices)
    session.run_requested = "visualisation" in link.fields


def _choose_model(session: Session, name: str) -> None:
    if session.live_session:
        if name not in session.models:
            raise MirrorError(f"The model '{printable(name)}' is not one of this program's.", culprit=name)
        widget_state.MODEL.value = name
        return
    plain = catalogue.check(name).removesuffix(catalogue.UNTRAINED)
    widget_state.MODEL.value, widget_state.UNTRAINED.value = plain, plain != name
