"""Reads the files that a visitor uploaded, one after another, before the page is drawn."""

from dataclasses import replace

from streamlit.delta_generator import DeltaGenerator
from streamlit.runtime.uploaded_file_manager import UploadedFile

from mirror_app.errors import MirrorError
from mirror_app.export import reading
from mirror_app.ui import store
from mirror_app.ui.state.session import Session, go_to

REPORTED = 3  # how many errors of files are shown; further errors are only counted


def read(session: Session, status: DeltaGenerator) -> None:
    """Add the pictures in the session's unread files, and report the files that are refused in a few sentences.

    The progress is shown in `status`. A visitor who goes on to another page in the middle loses nothing: the next run
    reads the files that are left.
    """
    files = session.unread_files
    count = len(files)
    while files:
        if count > 1:
            done = count - len(files)
            status.progress(done / count, f"Reading picture {done + 1} of {count} …")
        if problem := _add(session, files[0]):
            session.refusals.append(problem)
        files.popleft()  # only now, since Streamlit may end this run while a file is read
    if count > 1:
        status.empty()
    session.problems += session.refusals[:REPORTED]
    if rest := session.refusals[REPORTED:]:
        session.problems.append(f"{len(rest)} more {'file was' if len(rest) == 1 else 'files were'} not added.")
    session.refusals.clear()


def _add(session: Session, file: UploadedFile) -> str:
    """Add the picture in a file, or open a ZIP file, and return "" or the reason why it is refused."""
    try:
        data = store.take_upload(file)
        if reading.is_package(data):
            _open_package(session, data, file.name)
        else:
            _add_picture(session, data, file.name)
    except MirrorError as error:
        return str(error)
    return ""


def _open_package(session: Session, data: bytes, name: str) -> None:
    """Open the link in a ZIP file from “Download”, and add its picture unless it is there already."""
    request, original = reading.read_package(data, name)
    if request.input not in session.pictures:
        _add_picture(session, original, name)
        request = replace(request, input=session.picture)
    go_to(request.to_query())


def _add_picture(session: Session, data: bytes, name: str) -> None:
    session.require_place(name)
    session.add(store.decoded(data, name))
