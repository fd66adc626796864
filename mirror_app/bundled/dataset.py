"""Scenes as tensors, for training and for judging."""

from concurrent.futures import ProcessPoolExecutor

import numpy as np
import torch
from torch import Tensor

from mirror_app.bundled import scenes
from mirror_app.bundled.network import MEAN, STD


def draw(seeds: range, things: int = 1) -> tuple[Tensor, Tensor]:
    """Return the scenes of those seeds: pictures, bytes (N, H, W, 3), and the classes of their things (N, things)."""
    with ProcessPoolExecutor() as workers:
        found = list(workers.map(_one, seeds, [things] * len(seeds), chunksize=256))
    return torch.from_numpy(np.stack([picture for picture, _ in found])), torch.tensor([labels for _, labels in found])


def normalise(pictures: Tensor) -> Tensor:
    """Return bytes (N, H, W, 3) as the network's inputs (N, 3, H, W)."""
    mean, std = torch.tensor(MEAN)[:, None, None], torch.tensor(STD)[:, None, None]
    return (pictures.permute(0, 3, 1, 2) / 255 - mean) / std


def _one(seed: int, things: int) -> tuple[np.ndarray, list[int]]:
    scene = scenes.scene(seed, things)
    return scene.picture, [thing.label for thing in scene.things]
