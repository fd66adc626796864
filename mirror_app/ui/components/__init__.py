"""The parts of a page that Streamlit does not have, each with its script and its style."""
