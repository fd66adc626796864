"""The only rooms with Streamlit."""
