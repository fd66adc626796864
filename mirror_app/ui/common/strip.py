"""All inputs as a strip: a click selects one, files and photographs are added, and one's own are removed."""

from collections.abc import Sequence

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from mirror_app.errors import MirrorError
from mirror_app.images import decode
from mirror_app.images.reading import FORMATS
from mirror_app.ui import store
from mirror_app.ui.components.tiles import tiles
from mirror_app.ui.state.session import Session, current

TOLD = 3  # refusals of files that are told one by one
THUMBNAIL = 64


def show(session: Session) -> None:
    """Show all inputs in one row in which a click selects, and beside them where more are added."""
    pictures = list(session.pictures.values())
    with st.container(key="inputs", horizontal=True, vertical_alignment="center", gap="small"):
        tiles(
            store.strip([picture.shown_id for picture in pictures], THUMBNAIL, pictures),
            [picture.name for picture in pictures],
            len(pictures),
            THUMBNAIL,
            key="strip",
            label="Inputs",
            selected=list(session.pictures).index(session.picture),
            captions=False,
            pixelated=False,
            in_a_row=True,
            on_pick=_take_input,
        )
        add(session)
        if session.picture in {own.id for own in session.added_pictures}:
            st.button(
                "Remove",
                icon=":material/delete:",
                help="Remove this picture",
                on_click=session.remove,
                args=(session.picture,),
                width="content",
            )


def add(session: Session) -> None:
    """Let pictures be added, from files and the camera, where they can be inputs."""
    if not session.takes_pictures:
        st.caption("Inputs of bands come from Python.")
        return
    st.file_uploader(
        "Add pictures of your own",
        [kind.lower() for kind in FORMATS] + ["jpg"],
        accept_multiple_files=True,
        key=f"uploads.{session.uploads}",
        on_change=_take_uploads,
        label_visibility="collapsed",
        width=110,
    )
    camera = st.popover("Camera", icon=":material/photo_camera:", key="camera", on_change="rerun", width="content")
    if camera.open:  # the browser asks for leave only then
        with camera:
            st.camera_input(
                "A photograph", key=f"photo.{session.uploads}", on_change=_take_photograph, label_visibility="collapsed"
            )


def _take_input() -> None:
    session = current()
    session.picture = list(session.pictures)[st.session_state.strip.picked]


def _take_uploads() -> None:
    _take(st.session_state[f"uploads.{current().uploads}"])


def _take_photograph() -> None:
    photograph = st.session_state[f"photo.{current().uploads}"]
    _take([photograph] if photograph else [])


def _take(files: Sequence[UploadedFile]) -> None:
    session = current()
    refused = []
    for file in files:
        try:
            session.add(decode(file.getvalue(), file.name))
        except MirrorError as error:
            refused.append(str(error))
    session.problems += refused[:TOLD]
    if len(refused) > TOLD:
        session.problems.append(f"{len(refused) - TOLD} more files were rejected.")
    session.uploads += 1  # a new key is an empty uploader: the strip shows what was taken
