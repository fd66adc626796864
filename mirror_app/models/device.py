"""Where models live: MIRROR_DEVICE if it is set, else CUDA, else Apple's MPS, else the CPU."""

import os

import torch

from mirror_app.errors import MirrorError


def device() -> torch.device:
    """Return the device for models; raise MirrorError where MIRROR_DEVICE names none that works here."""
    wanted = os.environ.get("MIRROR_DEVICE")
    if wanted:
        try:
            torch.empty(1, device=wanted)
        except (RuntimeError, AssertionError) as error:
            raise MirrorError(f"MIRROR_DEVICE cannot be '{wanted[:40]}' here: cpu, cuda or mps is needed.") from error
        return torch.device(wanted)
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
