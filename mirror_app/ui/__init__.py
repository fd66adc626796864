"""The dashboard. Only this package, `main.py`, `pages/`, `hosting/` and the server of `mirror()` use Streamlit."""
