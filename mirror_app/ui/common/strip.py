"""The strip of inputs: select one, add files and photographs, and remove added pictures."""

from collections.abc import Sequence

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from mirror_app.decoding.reading import FORMATS
from mirror_app.images import MAX_BYTES
from mirror_app.settings.server import server_settings
from mirror_app.ui import store
from mirror_app.ui.components.reported import index_below
from mirror_app.ui.components.tiles import tiles
from mirror_app.ui.state import widget_state
from mirror_app.ui.state.session import Session, counted, current

THUMBNAIL = 64  # pixels


def show(session: Session) -> None:
    """Show all inputs in one row, followed by the widgets that add and remove pictures."""
    pictures = list(session.pictures.values())
    with st.container(key="inputs", horizontal=True, gap="small"):
        tiles(
            store.strip([picture.shown_id for picture in pictures], THUMBNAIL, pictures),
            [picture.name for picture in pictures],
            min(len(pictures), store.STRIP_COLUMNS),
            THUMBNAIL,
            key=widget_state.PICKED_INPUT.key,
            label="Inputs",
            selected=list(session.pictures).index(session.picture),
            captions=False,
            pixelated=False,
            in_a_row=True,
            on_pick=_take_input,
        )
        add(session)
        if session.picture in {picture.id for picture in session.added_pictures}:
            st.button(
                "Remove",
                icon=":material/delete:",
                help="Remove this picture",
                on_click=session.remove,
                args=(session.picture,),
                width="content",
            )


def add(session: Session) -> None:
    """Show the widgets that add pictures from files and the camera, if the model accepts such pictures."""
    if not session.takes_pictures:
        st.caption("Inputs with bands can only be passed from Python.")
        return
    with st.container(key="add", width="content", gap="xxsmall"):
        row = st.container(horizontal=True, gap="small")
        limit = counted(server_settings().limits.visitor_pictures)
        st.markdown(f"Up to {limit}, {MAX_BYTES // 2**20} MB each", width="content")
    row.file_uploader(
        "Add your own pictures",
        [kind.lower() for kind in FORMATS] + ["jpg", "zip"],
        accept_multiple_files=True,
        key=widget_state.uploads(session.uploads).key,
        on_change=_take_uploads,
        label_visibility="collapsed",
        width=110,
    )
    camera = row.popover("Camera", icon=":material/photo_camera:", key="camera", on_change="rerun", width="content")
    if camera.open:  # the browser asks for permission as soon as the widget is drawn
        with camera:
            st.camera_input(
                "A photograph",
                key=widget_state.photograph(session.uploads).key,
                on_change=_take_photograph,
                label_visibility="collapsed",
            )


def _take_input() -> None:
    session = current()
    names = list(session.pictures)
    if (index := index_below(len(names), widget_state.PICKED_INPUT.value)) is not None:
        session.picture = names[index]


def _take_uploads() -> None:
    _take(widget_state.uploads(current().uploads).value)


def _take_photograph() -> None:
    photograph = widget_state.photograph(current().uploads).value
    _take([photograph] if photograph else [])


def _take(files: Sequence[UploadedFile]) -> None:
    session = current()
    session.unread_files.extend(files)
    session.uploads += 1  # a new key empties the uploader, since the strip shows the added pictures
