"""The dashboard. Besides `main.py`, `pages/`, `hosting/` and the server of `mirror()`, only this package uses Streamlit."""
