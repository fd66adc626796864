"""The dashboard. Besides `main.py`, `pages/` and the server of `mirror()`, only this package uses Streamlit."""
