"""All inputs as a strip: a click selects one, files and photographs are added, and one's own are removed."""

from collections.abc import Sequence

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from mirror_app.errors import MirrorError
from mirror_app.images import FORMATS, decode
from mirror_app.ui import cache
from mirror_app.ui.session import Session, current
from mirror_app.ui.tiles import tiles

TOLD = 3  # refusals of files that are told one by one
THUMBNAIL = 88


def show(session: Session) -> None:
    """Show all inputs as a strip in which a click selects, and where more are added."""
    pictures = list(session.pictures.values())
    tiles(
        cache.strip(list(session.pictures), THUMBNAIL, pictures),
        [picture.name for picture in pictures],
        len(pictures),
        THUMBNAIL,
        key="strip",
        label="Inputs",
        selected=list(session.pictures).index(session.picture),
        captions=False,
        pixelated=False,
        on_pick=_take_input,
    )
    with st.container(horizontal=True, vertical_alignment="top"):
        st.file_uploader(
            "Add pictures of your own",
            [kind.lower() for kind in FORMATS] + ["jpg"],
            accept_multiple_files=True,
            key=f"uploads.{session.uploads}",
            on_change=_take_uploads,
            help="PNG, JPEG, WebP, BMP or GIF, up to 10 MB and 25 million pixels each. They are kept until you leave.",
        )
        camera = st.popover("Use the camera", icon=":material/photo_camera:", key="camera", on_change="rerun")
    if camera.open:  # the browser asks for leave only then
        with camera:
            st.camera_input(
                "A photograph", key=f"photo.{session.uploads}", on_change=_take_photograph, label_visibility="collapsed"
            )
    if session.picture in {own.id for own in session.own}:
        st.button("Remove this picture", icon=":material/delete:", on_click=session.remove, args=(session.picture,))


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
        session.problems.append(f"So it was with {len(refused) - TOLD} other files.")
    session.uploads += 1  # a new key is an empty uploader: the strip shows what was taken
