"""The controls of the Gallery page: the order, the class, the page of pictures, and what to do with selected ones."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from mirror_app import live, targets
from mirror_app.errors import MirrorError
from mirror_app.export import table
from mirror_app.images import Picture
from mirror_app.params import TARGET
from mirror_app.ui.common import choices
from mirror_app.ui.common.short_answer import Answer
from mirror_app.ui.compare.axes import MAX_LENGTH
from mirror_app.ui.gallery import order
from mirror_app.ui.state import query_params, widget_state
from mirror_app.ui.state.session import COMPARE, Session, counted, current
from mirror_app.ui.store import Selection

PAGE = 24  # pictures
CLASS, PAGE_NUMBER = "gallery.class", "gallery.page"
ORDER_HELP = "How the pictures are sorted. Sure is a picture whose class has a high probability."


def choose_order() -> str:
    """Let the visitor choose the order of the pictures."""
    return choices.one("gallery.order", "Order", list(order.LABELS), ORDER_HELP, order.LABELS.__getitem__)


def needs_answers(chosen_order: str) -> bool:
    """Tell whether the pictures to show depend on the answers to all pictures."""
    requested = current().linked.get(CLASS) or widget_state.choice(CLASS).value
    return chosen_order in order.NEED_ANSWERS or bool(requested)


def choose_class(answers: Mapping[str, Answer]) -> int | None:
    """Let the visitor choose one of the predicted classes; None stands for all of them."""
    counts = Counter((answer.name, answer.number) for answer in answers.values() if answer.number is not None)
    labels = {"": "All classes"}
    labels |= {str(number): f"{name} ({count})" for (name, number), count in sorted(counts.items())}
    chosen = widget_state.choice(CLASS)
    linked = current().linked.pop(CLASS, "")
    if linked not in labels:
        problem = f"In the link: '{linked[:40]}' is not the number of a predicted class."
        current().problems.append(str(MirrorError(problem, culprit=linked, accepted=list(labels)[1:])))
    requested = linked or chosen.value
    chosen.set_if_changed(requested if requested in labels else "")
    st.selectbox(
        "Predicted class",
        list(labels),
        format_func=labels.__getitem__,
        key=CLASS,
        help="Show only the pictures for which the model predicts this class.",
        persist_state="session",
        width=240,
    )
    query_params.write({CLASS: chosen.value or None})
    return int(chosen.value) if chosen.value else None


def choose_page(slot: DeltaGenerator, count: int, chosen_order: str, class_number: int | None) -> slice:
    """Let the visitor choose which of `count` pictures to show; another order or class begins at the first page."""
    number, pages, shown = widget_state.GALLERY_PAGE, -(-count // PAGE) or 1, (chosen_order, str(class_number))
    linked = current().linked.pop(PAGE_NUMBER, "")
    if widget_state.GALLERY_ORDER.is_stored and widget_state.GALLERY_ORDER.value != shown:
        number.value = 1
    elif linked:
        number.value = int(linked) if linked.isascii() and linked.isdecimal() and len(linked) < 5 else 1
    widget_state.GALLERY_ORDER.value = shown
    if number.value != (nearest := min(max(number.value, 1), pages)):
        number.value = nearest
    if pages > 1:
        with slot:
            st.pagination(pages, key=number.key, persist_state="session")
    query_params.write({PAGE_NUMBER: str(number.value) if number.value > 1 else None})
    start = (number.value - 1) * PAGE
    return slice(start, start + PAGE)


def show_actions(session: Session, shown: Sequence[Picture]) -> None:
    """Show what can be done with the selected pictures, and the ways to select or deselect many; `shown` are listed."""
    selected = [picture.id for picture in session.pictures.values() if widget_state.chosen(picture.id).value]
    own = {picture.id for picture in session.added_pictures} & set(selected)
    st.button(
        "Select all",
        type="tertiary",
        on_click=_select,
        args=([picture.id for picture in shown], True),
        disabled=not shown,
        help="Select all pictures of all pages, or those of the chosen class.",
    )
    st.button("Clear", type="tertiary", on_click=_select, args=(selected, False), disabled=not selected)
    first = f" Compare shows the first {MAX_LENGTH}." if len(selected) > MAX_LENGTH else ""
    st.button(
        "Compare",
        icon=":material/grid_view:",
        help=f"Compare the selected pictures.{first}",
        on_click=_compare,
        args=(selected,),
        disabled=not selected,
    )
    st.button(
        "Remove",
        icon=":material/delete:",
        help="Remove the selected pictures. Only pictures that you added can be removed.",
        on_click=_remove,
        args=(own,),
        disabled=not own,
    )
    count = f"**{len(selected)}** of {len(session.pictures)} selected" if selected else counted(len(shown))
    st.caption(count, width="content")


def offer_table(session: Session, selection: Selection, answers: Mapping[str, Answer]) -> None:
    """Offer a table of all pictures as a CSV file, once all answers are there."""
    is_complete = answers.keys() >= session.pictures.keys()
    st.download_button(
        "CSV",
        table_of(list(session.pictures.values()), selection, answers) if is_complete else b"",
        "gallery.csv",
        "text/csv",
        icon=":material/download:",
        on_click="ignore",
        help="A table of all pictures with their predictions." if is_complete else "As soon as all is predicted.",
        disabled=not is_complete,
    )


def table_of(pictures: Sequence[Picture], selection: Selection, answers: Mapping[str, Answer]) -> Callable[[], bytes]:
    """Return a function that writes the pictures with their answers, and what `selection` shows of them, as CSV."""
    request, model, target = selection.request, selection.model, selection.values.get(TARGET)
    common = {
        "model": live.display_name(request.model),
        "visualisation": selection.entry.name,
        "layer": request.layer,
        "target": "" if target is None else targets.from_value(target).described(model.name_of),
    }
    value_name = "probability" if model.kind.has_probabilities else "value"
    rows = [
        {
            "name": picture.name,
            "predicted class": answers[picture.id].name,
            "class number": answers[picture.id].number,
            value_name: answers[picture.id].value,
            **common,
            "problem": answers[picture.id].problem,
        }
        for picture in pictures
    ]
    return partial(table.csv_file, rows)


def _select(picture_ids: Collection[str], is_selected: bool) -> None:
    for picture_id in picture_ids:
        widget_state.chosen(picture_id).value = is_selected


def _remove(picture_ids: Collection[str]) -> None:
    current().remove(*picture_ids)
    _select(picture_ids, False)


def _compare(picture_ids: Sequence[str]) -> None:
    """Open Compare with these pictures as its columns, unless they are its rows."""
    session = current()
    widget_state.COMPARED_INPUTS.value = list(picture_ids)[:MAX_LENGTH]
    # Compare adds the visitor's new pictures to the chosen ones, except those that it has listed before.
    widget_state.PREVIOUS_INPUTS.value = [picture.id for picture in session.added_pictures]
    if widget_state.choice("compare.rows").value != "input":
        widget_state.choice("compare.columns").value = "input"
    session.next_page = COMPARE
