"""The parts of the dream page: the frames as they come, how far it is, and what can be done with the last one."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import streamlit as st

from mirror_app import live, targets
from mirror_app.engine.request import Request
from mirror_app.errors import MirrorError
from mirror_app.export import animation
from mirror_app.models import Model
from mirror_app.params import checked
from mirror_app.ui import store
from mirror_app.ui.appearance.inline import data_url
from mirror_app.ui.common import downloads, page_parts
from mirror_app.ui.common.share import share
from mirror_app.ui.components.frame import frame
from mirror_app.ui.guide.sections import PICTURES
from mirror_app.ui.state.background_runs import BackgroundRun, FrameSnapshot, filter_of, generated_picture
from mirror_app.ui.state.session import TARGET, Session, choose
from mirror_app.visualisations import registry

LOOK = 0.4  # seconds between two looks at what runs


def invite(request: Request, model: Model) -> None:
    """Say what will be pictured once it is asked for, and show an example where there is one."""
    entry = registry.get(request.visualisation)
    st.info(
        f"Choose the settings in the sidebar, then press **Dream**: the model will picture {_planned(request, model)}.",
        icon=":material/bedtime:",
    )
    example = PICTURES / f"{entry.key}.png"
    if example.exists():
        st.container(key="example").image(
            data_url(example.read_bytes()),
            caption="An example: the bundled network.",
            width=352,
            alt=f"An example of {entry.name}",
        )


def _planned(request: Request, model: Model) -> str:
    """Return in words, as Markdown, what `request` will picture."""
    values: dict[str, Any] = checked(registry.get(request.visualisation).params, dict(request.params))
    if TARGET in values:
        target = targets.from_value(values[TARGET])
        if not target.is_class:
            return f"*{page_parts.literal(target.description)}*"
        if target.channel is None:
            noun = model.kind.noun
            return (
                f"the {noun} that it finds in the input" if model.kind.has_probabilities else f"what raises its {noun}"
            )
        return f"*{page_parts.literal(model.name_of(target.channel))}*"
    where = f"layer `{request.layer}`" if request.layer else f"`{live.shown(request.model)}`"
    number = filter_of(request)
    return f"what {where} sees" if number is None else f"what filter {number} of {where} looks for"


def show(session: Session, run: BackgroundRun) -> None:
    """Show the dream: while it runs its newest frame, again and again, with how far it is and Stop."""
    st.fragment(run_every=LOOK if run.running else None)(_show)(session, run, run.running)


def _show(session: Session, run: BackgroundRun, began_running: bool) -> None:
    live.restore_program()  # a fragment runs without the frame of the page, which does it elsewhere
    if began_running and not run.running:
        st.rerun()
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="dream-state"):
        if run.running:
            st.progress(*_progress(run))
            st.button("Stop", icon=":material/stop:", on_click=run.stop)
        else:
            _actions(session, run)
    with st.container(key="picture"), page_parts.failures():
        snapshot = run.newest
        if snapshot:
            frame(snapshot.still, key="frame")
        if not run.running:
            _finish(session, run, snapshot)


def _progress(run: BackgroundRun) -> tuple[float, str]:
    """Return how far the dream is, in [0, 1], and what there is to say of it."""
    snapshot = run.newest
    if snapshot is None:
        return 0.0, f"Waiting: {run.ahead} before you …" if run.ahead else "Beginning …"
    share = float(snapshot.result.info["progress"])
    left = snapshot.result.seconds * (1 - share) / share
    return share, f"{share:.0%} · about {left:,.0f} s left"


def _actions(session: Session, run: BackgroundRun) -> None:
    snapshot = run.newest
    if snapshot is None:
        return
    if registry.get(run.request.visualisation).kind.starts_from_noise:
        label, icon, then = "Take as an input", ":material/add_photo_alternate:", "you can look at it on other pages"
    else:
        label, icon, then = "Dream on from here", ":material/fast_forward:", "the same begins again from it"
    told = f"This picture becomes an input of yours, and {then}."
    if st.button(label, icon=icon, on_click=_take, args=(session, run, snapshot), help=told):
        st.rerun()  # the whole page, and not this part of it alone
    name = downloads.stem(run.request, snapshot.result)
    with st.popover("Save the film", icon=":material/movie:", key="film"):
        for ending, form in animation.FORMATS.items():
            if form.is_available():
                data, file = partial(_film, form.write, run, snapshot), f"{name}{ending}"
                st.download_button(f"Film ({ending})", data, file, form.mime, on_click="ignore", width="stretch")
    st.download_button(
        "Save the picture", snapshot.still, f"{name}.png", "image/png", icon=":material/image:", on_click="ignore"
    )


def _finish(session: Session, run: BackgroundRun, snapshot: FrameSnapshot | None) -> None:
    """Say what the picture is; raise what made the computation fail."""
    model = store.model(run.request.model, run.request.output)
    if not run.stopped:
        run.job.result()
    if snapshot is None:
        st.info("It was stopped before its first frame.", icon=":material/info:")
        return
    if run.stopped:
        st.caption(f"Stopped at {snapshot.result.info['progress']:.0%}.")
    page_parts.show_provenance(run.request, model, run.picture, snapshot.result, cached=False)
    share(session, run.request.to_query(), [run.picture])
    uses_layer = registry.get(run.request.visualisation).kind.uses_layer
    if run.request != (session.request if uses_layer else replace(session.request, layer=run.request.layer)):
        planned = _planned(session.request, store.model(session.request.model, session.request.output))
        st.info(
            f"The settings have changed since: press **Dream**, and the model will picture {planned}.",
            icon=":material/history:",
        )
    if len(snapshot.result.info.get("curve", ())) > 1:
        climbed = st.expander("How the objective grew", key="climbed", on_change="rerun")
        if climbed.open:  # the first chart of a server takes a second, and Stop must not wait for it
            climbed.line_chart(snapshot.result.info["curve"], height=180, x_label="step", y_label="objective")


def _film(write: Callable[[Sequence[bytes], str], bytes], run: BackgroundRun, snapshot: FrameSnapshot) -> bytes:
    return write(snapshot.film.stills, registry.get(run.request.visualisation).name)


def _take(session: Session, run: BackgroundRun, snapshot: FrameSnapshot) -> None:
    """Take the newest frame as an input; ask for the same again where it would begin from that."""
    try:
        picture = generated_picture(snapshot.result, store.model(run.request.model), run.picture)
        session.add(picture)
    except MirrorError as error:
        session.problems.append(str(error))
        return
    st.toast(
        f"*{page_parts.literal(picture.name)}* is the input now, on every page.", icon=":material/add_photo_alternate:"
    )
    if not registry.get(run.request.visualisation).kind.starts_from_noise:
        choose(run.request)
        session.picture, session.run_requested = picture.id, True
        st.session_state["dream-visualisation"] = run.request.visualisation
