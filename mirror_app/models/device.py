"""The device that models run on: MIRROR_DEVICE if set, or the first available of CUDA, Apple's MPS and the CPU."""

import os

import torch

from mirror_app.errors import MirrorError


def device() -> torch.device:
    """Return the device for models; raise MirrorError if MIRROR_DEVICE names one that is not available."""
    requested = os.environ.get("MIRROR_DEVICE")
    if requested:
        try:
            torch.empty(1, device=requested)
        except (RuntimeError, AssertionError) as error:
            raise MirrorError(
                f"MIRROR_DEVICE is '{requested[:40]}', which is not available here.",
                culprit=requested,
                accepted=("cpu", "cuda", "mps"),
                hint="Use cpu, cuda or mps.",
            ) from error
        return torch.device(requested)
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
