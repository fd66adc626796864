"""`mirror(inputs, model)`: show a program's own live objects in a browser tab; nothing is pickled."""

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

_guard = Lock()  # held while a session is added or removed, so that all sessions share one server
_handles: list["Handle"] = []  # the handles of the sessions that are still running


class Handle:
    """A running session of `mirror`, served at `url` until `stop`; a notebook displays it as a frame.

    Example:
        Not run as a doctest, since a server takes seconds to start::

            handle = mirror(picture, model, open_browser=False)  # in a notebook
            print(handle.url)
            handle.stop()
    """

    def __init__(self, server: Server, session: LiveSession) -> None:
        self.url = f"{server.url}/?{urlencode({'model': next(iter(session.models))})}"
        self._server = server
        self._session = session
        self._stopped = Event()

    def stop(self) -> None:
        """End the session and release its models; the last session also stops the server."""
        with _guard:
            if self in _handles:
                _handles.remove(self)
                live.remove(self._session)
                self._stopped.set()
                if not _handles:
                    self._server.stop()

    def wait(self) -> None:
        """Block until the session is stopped."""
        while not self._stopped.wait(0.5):  # on some systems, Ctrl+C cannot interrupt a wait without a timeout
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
    """Show inputs and models on the page, in a browser tab.

    A script waits until Ctrl+C. Where an event loop runs, as in a notebook, the call returns at once. Further calls
    join the same server, each at an address of its own; on this computer, the server's address without a query opens
    the latest call. The models are shown live and are never changed.

    Args:
        inputs: One input or several. A tensor (C, H, W), or (N, C, H, W) for N inputs, goes to the model exactly as
            given. A Pillow image is resized, cropped and normalised first. For a model that takes several tensors,
            pass a tuple of them.
        model: An `nn.Module`, a `Model` of the catalogue, or a dictionary of several models by name.
        visualisations: The visualisations on offer: names such as "grad-cam", visualisation classes, WebInterface
            objects or partials that create one, or functions decorated with `offer`. None offers all visualisations.
        port: The port of the page, on this computer only. If it is in use, the next free one is taken.
        open_browser: Whether to open a browser tab.
        mean: The mean for normalising Pillow images, one value per channel. None takes the mean of a `Model`, or
            ImageNet's.
        std: The standard deviation for normalising Pillow images, one value per channel. None takes the standard
            deviation of a `Model`, or ImageNet's.
        size: The crop of Pillow images in pixels, a side or (height, width). None takes the size of the first input
            if that is a tensor, or the size of a `Model`, or 224.
        classes: The names of the model's outputs.
        output: The meaning of the model's outputs: "classes", "labels", "numbers", "probabilities", "embedding",
            "regions" or "boxes". None reads the meaning from the model's configuration; without one, a single output is
            assumed to be a number, and several are assumed to be classes.

    Returns:
        A handle with the `url` of the page and `stop`.

    Raises:
        MirrorError: If an input, a model or a visualisation cannot be shown, no port is free, or the process already
            serves other pages.

    Example:
        Not run as a doctest, since a server takes seconds to start and a script waits for Ctrl+C::

            from PIL import Image
            from torchvision.models import resnet18

            from mirror_app import mirror

            mirror(Image.open("cat.jpg"), resnet18(weights="DEFAULT"), ["grad-cam", "deep-dream"])
    """
    handle = start(inputs, model, visualisations, port, PreprocessingOverrides(mean, std, size, classes, output))
    try:
        print(handle, flush=True)
        if open_browser:
            webbrowser.open_new_tab(handle.url)
        if not _is_loop_running():
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
    overrides: PreprocessingOverrides | None = None,
) -> Handle:
    """Do what `mirror` does, but open no tab, print nothing and return at once."""
    session = live_session(secrets.token_hex(3), inputs, model, visualisations, overrides or PreprocessingOverrides())
    with _guard:
        handle = Handle(_handles[0]._server if _handles else Server(port), session)
        live.add(session)
        _handles.append(handle)
    return handle


def _is_loop_running() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
