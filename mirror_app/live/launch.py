"""From Python to the page: `mirror(inputs, model)` shows one's own live objects, nothing pickled, in a browser tab."""

import asyncio
import secrets
import webbrowser
from collections.abc import Mapping, Sequence
from threading import Event, Lock
from urllib.parse import urlencode

from mirror_app import live
from mirror_app.live import LiveSession
from mirror_app.live.server import Server
from mirror_app.live.session import Input, Net, PreprocessingOverrides, live_session

PORT = 8501

_guard = Lock()  # held while a session is added or removed, so that all join one server
_handles: list["Handle"] = []  # what is shown now


class Handle:
    """What a call of `mirror` shows, at `url`, until `stop`; in a notebook it shows itself."""

    def __init__(self, server: Server, session: LiveSession) -> None:
        self.url = f"{server.url}/?{urlencode({'model': next(iter(session.models))})}"
        self._server = server
        self._session = session
        self._stopped = Event()

    def stop(self) -> None:
        """Show it no longer and let go of the models; with the last that is shown, the server ends."""
        with _guard:
            if self in _handles:
                _handles.remove(self)
                live.remove(self._session)
                self._stopped.set()
                if not _handles:
                    self._server.stop()

    def wait(self) -> None:
        """Return once it was stopped."""
        while not self._stopped.wait(0.5):  # a wait without an end cannot be interrupted everywhere
            pass

    def _repr_html_(self) -> str:
        return f'<iframe src="{self.url}" title="Mirror" width="100%" height="820" style="border: 0"></iframe>'

    def __repr__(self) -> str:
        return f"Mirror at {self.url}" if not self._stopped.is_set() else "Mirror, stopped"


def mirror(
    inputs: Input | Sequence[Input],
    model: Net | Mapping[str, Net],
    visualisations: Sequence[object] | None = None,
    *,
    port: int = PORT,
    open_browser: bool = True,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    size: int | tuple[int, int] | None = None,
    classes: Sequence[str] | None = None,
    output: str | None = None,
) -> Handle:
    """Show `inputs` and `model`, or several by their names, in a browser tab; raise MirrorError.

    Tensors (C, H, W), or (N, C, H, W) for N inputs, go to the model exactly as given. Pillow pictures are prepared with
    `size`, `mean` and `std`: those said, else those of a `Model` of the catalogue, else ImageNet's. `visualisations`
    are classes, interfaces, partials that make one, or names; all of them by default. `output` says what the models'
    numbers are, such as "labels" (see OutputKind); `classes` are their names. A port that is taken is left for
    the next free one. From a script it returns after Ctrl+C; where an event loop runs, as in a notebook, at once. A
    further call joins the server at an address of its own.
    """
    handle = start(inputs, model, visualisations, port, PreprocessingOverrides(mean, std, size, classes, output))
    try:
        print(handle, flush=True)
        if open_browser:
            webbrowser.open_new_tab(handle.url)
        if not _loop_runs():
            handle.wait()
    except KeyboardInterrupt:
        print("Stopped.")
        handle.stop()
    return handle


def start(
    inputs: Input | Sequence[Input],
    model: Net | Mapping[str, Net],
    visualisations: Sequence[object] | None = None,
    port: int = PORT,
    said: PreprocessingOverrides | None = None,
) -> Handle:
    """Do as `mirror` does, but open no tab, print nothing, and return at once."""
    session = live_session(secrets.token_hex(3), inputs, model, visualisations, said or PreprocessingOverrides())
    with _guard:
        handle = Handle(_handles[0]._server if _handles else Server(port), session)
        live.add(session)
        _handles.append(handle)
    return handle


def _loop_runs() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
