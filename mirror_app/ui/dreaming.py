"""The parts of the dream page: the frames as they come, how far it is, and what can be done with the last one."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import streamlit as st
import torch

from mirror_app import files, images, live, registry
from mirror_app.errors import MirrorError
from mirror_app.models import Model
from mirror_app.ui import cache, views
from mirror_app.ui.dreams import Dream, Shot
from mirror_app.ui.frame import frame
from mirror_app.ui.session import Session, choose
from mirror_app.ui.share import share

FILMS = ((".gif", "image/gif", files.gif), (".mp4", "video/mp4", files.mp4))
LOOK = 0.4  # seconds between two looks at what runs


def show(session: Session, dream: Dream) -> None:
    """Show the dream: while it runs its newest frame, again and again, with how far it is and Stop."""
    st.fragment(run_every=LOOK if dream.running else None)(_show)(session, dream, dream.running)


def _show(session: Session, dream: Dream, began_running: bool) -> None:
    live.restore_program()  # a fragment runs without the frame of the page, which does it elsewhere
    if began_running and not dream.running:
        st.rerun()
    with st.container(
        horizontal=True, vertical_alignment="center", height=64, border=False, gap="small", key="dream-state"
    ):
        if dream.running:
            st.progress(*_progress(dream))
            st.button("Stop", icon=":material/stop:", on_click=dream.stop)
        else:
            _actions(session, dream)
    with st.container(key="picture"), views.failures():
        shot = dream.newest
        if shot:
            frame(shot.still, key="frame")
        if not dream.running:
            _finish(session, dream, shot)


def _progress(dream: Dream) -> tuple[float, str]:
    """Return how far the dream is, in [0, 1], and what there is to say of it."""
    shot = dream.newest
    if shot is None:
        return 0.0, f"Waiting: {dream.ahead} before you …" if dream.ahead else "Beginning …"
    share = float(shot.result.info["progress"])
    left = shot.result.seconds * (1 - share) / share
    return share, f"{share:.0%} · about {left:,.0f} s left"


def _actions(session: Session, dream: Dream) -> None:
    shot = dream.newest
    if shot is None:
        return
    name = f"{dream.request.visualisation}-{dream.request.layer or 'model'}"
    with st.popover("Film", icon=":material/movie:", key="film"):
        for ending, mime, made in FILMS[: 1 + files.can_mp4()]:
            data = partial(_film, made, dream, shot)
            st.download_button(f"Film ({ending})", data, f"{name}{ending}", mime, on_click="ignore", width="stretch")
    st.download_button("Picture", shot.still, f"{name}.png", "image/png", icon=":material/image:", on_click="ignore")
    if st.button(
        "Continue",
        icon=":material/fast_forward:",
        on_click=_continue,
        args=(session, dream, shot),
        help="From here: the picture becomes an input of yours, and the same begins again from it.",
    ):
        st.rerun()  # the whole page, and not this part of it alone


def _finish(session: Session, dream: Dream, shot: Shot | None) -> None:
    """Say what the picture is; raise what made the computation fail."""
    model = cache.model(dream.request.model)
    if not dream.stopped:
        dream.job.result()
        if shot:
            cache.keep(dream.request, shot.result)
    if shot is None:
        st.info("It was stopped before its first frame.", icon=":material/info:")
        return
    views.show_honesty(dream.request, model, dream.picture, shot.result, cached=False)
    share(session, dream.request.to_query(), [dream.picture])
    if dream.stopped:
        st.caption(f"Stopped at {shot.result.info['progress']:.0%}.")
    of_layer = registry.get(dream.request.visualisation).kind.of_layer
    if dream.request != (session.request if of_layer else replace(session.request, layer=dream.request.layer)):
        st.info("What is chosen has changed since: press **Dream** to dream of that.", icon=":material/history:")
    if len(shot.result.info.get("curve", ())) > 1:
        climbed = st.expander("How it climbed", key="climbed", on_change="rerun")
        if climbed.open:  # the first chart of a server takes a second, and Stop must not wait for it
            climbed.line_chart(shot.result.info["curve"], height=180, x_label="step", y_label="what is climbed")


def _film(made: Callable[[Sequence[bytes], str], bytes], dream: Dream, shot: Shot) -> bytes:
    return made(shot.film.stills, registry.get(dream.request.visualisation).name)


def _continue(session: Session, dream: Dream, shot: Shot) -> None:
    """Take the newest frame as an input, and ask for the same again."""
    try:
        picture = _as_input(cache.model(dream.request.model), dream, shot)
        session.add(picture)
    except MirrorError as error:
        session.problems.append(str(error))
        return
    choose(dream.request)
    session.picture, session.asked = picture.id, True
    st.session_state["dream-visualisation"] = dream.request.visualisation


def _as_input(model: Model, dream: Dream, shot: Shot) -> images.Picture:
    mean, std = (torch.tensor(part)[:, None, None] for part in model.preprocessing.scale(dream.picture))
    exact = (torch.from_numpy(shot.result.raw[0]) - mean) / std
    name = dream.picture.name.removesuffix(", dreamed") + ", dreamed"
    return images.from_tensor(exact.to(model.dtype), name, model.preprocessing)
