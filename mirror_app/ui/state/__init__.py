"""The session of a visitor, its link, and all keys of Streamlit's session state."""
