"""The parts of the Dream page: the newest frame, the progress, and the buttons for the result."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import streamlit as st

from mirror_app import live, targets
from mirror_app.errors import MirrorError
from mirror_app.export import animation
from mirror_app.models import Model
from mirror_app.params import TARGET
from mirror_app.ui.appearance.inline import data_url
from mirror_app.ui.common import downloads, page_parts
from mirror_app.ui.common.share import share
from mirror_app.ui.components.frame import frame
from mirror_app.ui.guide.sections import PICTURES
from mirror_app.ui.state import widget_state
from mirror_app.ui.state.session import Session, choose
from mirror_app.ui.store import Selection
from mirror_app.ui.store.background_runs import BackgroundRun, FrameSnapshot, generated_picture

REFRESH_SECONDS = 0.4  # between two updates of a running dream


def invite(selection: Selection) -> None:
    """Describe what the Dream button will do, with an example picture if there is one."""
    entry = selection.entry
    st.info(f"Press **Dream** to {_goal(selection)}. Settings are in the sidebar.", icon=":material/bedtime:")
    example = PICTURES / f"{entry.key}.png"
    if example.exists():
        st.container(key="example").image(
            data_url(example.read_bytes()),
            caption="An example, made with the bundled network.",
            width=352,
            alt=f"An example of {entry.name}",
        )


def _goal(selection: Selection) -> str:
    """Return the effect of `selection` in Markdown, such as “exaggerate everything that layer `fc` detects”."""
    request, model = selection.request, selection.model
    if TARGET in selection.values:
        target = targets.from_value(selection.values[TARGET])
        if target.is_class and target.channel is None and not model.kind.has_probabilities:
            return "generate an image that raises the model's output"
        return f"generate an image of {_target_name(target, model)}"
    layer = f"layer `{request.layer}`" if request.layer else f"`{selection.layer_name}`"
    number = selection.filter_number
    subject = layer if number is None else f"filter {number} of {layer}"
    if not selection.entry.kind.starts_from_noise:
        return f"exaggerate everything that {subject} detects"
    if number is not None:
        return f"generate an image that activates {subject}"
    return f"generate an image for which {subject} gives nearly the same output as for the input"


def _target_name(target: targets.Target, model: Model) -> str:
    """Return the name of a target in Markdown."""
    if not target.is_class:
        return f"*{page_parts.literal(target.description)}*"
    if target.channel is not None:
        return f"*{page_parts.literal(model.name_of(target.channel))}*"
    return f"the {model.kind.noun} predicted for the input"


def show(session: Session, run: BackgroundRun) -> None:
    """Show a dream: its newest frame and, while it runs, its progress and the Stop button."""
    st.fragment(run_every=REFRESH_SECONDS if run.running else None)(_show)(session, run, run.running)


def _show(session: Session, run: BackgroundRun, was_running: bool) -> None:
    live.restore_program()  # a fragment runs without main.py, which does this for pages
    if was_running and not run.running:
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
    """Return the progress of a dream in [0, 1], and its description."""
    snapshot = run.newest
    if snapshot is None or not snapshot.result.info.progress:
        return 0.0, f"Waiting: {run.jobs_ahead} before you …" if run.jobs_ahead else "Starting …"
    share = snapshot.result.info.progress
    left = snapshot.result.seconds * (1 - share) / share
    return share, f"{share:.0%} · about {left:,.0f} s left"


def _actions(session: Session, run: BackgroundRun) -> None:
    snapshot = run.newest
    if snapshot is None:
        return
    if run.selection.entry.kind.starts_from_noise:
        label, icon, purpose = "Use as input", ":material/add_photo_alternate:", "to look at it on other pages"
    else:
        label, icon, purpose = "Continue from here", ":material/fast_forward:", "and start the same dream from it"
    hint = f"Add this picture to your inputs, {purpose}."
    if st.button(label, icon=icon, on_click=_use_as_input, args=(session, run, snapshot), help=hint):
        st.rerun()  # reruns the whole page, not only this fragment
    name = downloads.stem(run.selection, snapshot.result)
    with st.popover("Save film", icon=":material/movie:", key="film"):
        for ending, form in animation.FORMATS.items():
            if form.is_available():
                data, file = partial(_film, form.write, run, snapshot), f"{name}{ending}"
                st.download_button(
                    f"Film ({ending[1:].upper()})", data, file, form.mime, on_click="ignore", width="stretch"
                )
    st.download_button(
        "Save picture", snapshot.still, f"{name}.png", "image/png", icon=":material/image:", on_click="ignore"
    )


def _finish(session: Session, run: BackgroundRun, snapshot: FrameSnapshot | None) -> None:
    """Show the caption of a dream that has ended; raise the error of one that failed."""
    request, entry = run.selection.request, run.selection.entry
    if not run.stopped:
        run.job.result()
    if snapshot is None:
        st.info("Stopped before the first frame.", icon=":material/info:")
        return
    if run.stopped:
        st.caption(f"Stopped at {snapshot.result.info.progress or 0:.0%}.")
    page_parts.show_provenance(run.selection, snapshot.result, cached=False)
    share(session, request.to_query(), [run.selection.picture])
    if request != (session.request if entry.kind.uses_layer else replace(session.request, layer=request.layer)):
        goal = _goal(Selection.of(session.request, session.selected_picture))
        st.info(f"The settings have changed since. Press **Dream** to {goal}.", icon=":material/history:")
    curve = snapshot.result.info.curve or []
    if len(curve) > 1:
        objective = st.expander("Objective over time", key="climbed", on_change="rerun")
        if objective.open:  # the first chart of a server takes a second, which must not delay Stop
            objective.line_chart(curve, height=180, x_label="step", y_label="objective")


def _film(write: Callable[[Sequence[bytes], str], bytes], run: BackgroundRun, snapshot: FrameSnapshot) -> bytes:
    return write(snapshot.film.stills, run.selection.entry.name)


def _use_as_input(session: Session, run: BackgroundRun, snapshot: FrameSnapshot) -> None:
    """Add the newest frame to the inputs; if the dream started from an input, start it again from this frame."""
    selection = run.selection
    try:
        picture = generated_picture(snapshot.result, selection.model, selection.picture)
        session.add(picture)
    except MirrorError as error:
        session.problems.append(str(error))
        return
    st.toast(
        f"*{page_parts.literal(picture.name)}* is now the input on every page.", icon=":material/add_photo_alternate:"
    )
    if not selection.entry.kind.starts_from_noise:
        choose(selection.request)
        session.picture, session.run_requested = picture.id, True
        widget_state.DREAM_VISUALISATION.value = selection.entry.key
