"""The newest frame of a film: it travels as bytes, since the address of a frame is gone when the next one comes."""

from pathlib import Path

from mirror_app.ui.components.from_folder import from_folder

_component = from_folder(Path(__file__).parent)


def frame(png: bytes, key: str) -> None:
    """Show a PNG file as wide as there is room."""
    _component(key=key, data=png)
