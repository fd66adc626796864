"""The dashboard: `streamlit run mirror_app/main.py`.

Streamlit imports this file to start the server `app`, and then runs it for every page that a visitor opens.
"""

import argparse

import streamlit as st
from streamlit import runtime

from mirror_app import hosting
from mirror_app.settings.file import use_settings_file
from mirror_app.ui import navigation

arguments = argparse.ArgumentParser()
arguments.add_argument("--settings", help="a file with the models to offer and the limits of the server")
use_settings_file(arguments.parse_known_args()[0].settings)
if runtime.exists():
    navigation.draw()
else:
    app = st.App(__file__, **hosting.guards(navigation.start))
