"""The newest frame of a film, sent as bytes: Streamlit's URL of a frame expires when the next frame arrives."""

from pathlib import Path

from mirror_app.ui.components.from_folder import from_folder

_component = from_folder(Path(__file__).parent)


def frame(png: bytes, key: str) -> None:
    """Show a PNG file at the full width of its container."""
    _component(key=key, data=png)
