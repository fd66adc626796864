"""One picture, one layer, one visualisation: what the network sees."""

import time

import streamlit as st

from mirror_app import registry
from mirror_app.errors import MirrorError
from mirror_app.ui import cache, views
from mirror_app.ui.session import current

session = current()
request = session.request
picture = session.pictures[session.picture]
model = cache.model(request.model)
entry = registry.get(request.visualisation)

views.show_problems(session)
shown, beside = st.columns([3, 2], gap="large")
with shown:
    st.subheader(entry.name)
    st.caption(entry.summary)
    try:
        asked = time.perf_counter()
        result = cache.result(request, picture)
        views.show_images(request, picture, result)
        views.show_honesty(request, model, result, cached=result.finished < asked)
    except MirrorError as error:
        st.warning(views.literal(str(error)), icon=":material/info:")
with beside:
    views.show_input(model, picture)
    views.show_prediction(model, picture)
views.show_strip(session)
