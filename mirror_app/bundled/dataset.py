"""Scenes as tensors, for training and evaluation."""

from concurrent.futures import ProcessPoolExecutor

import numpy as np
import torch
from torch import Tensor

from mirror_app.bundled import scenes
from mirror_app.bundled.network import MEAN, STD


def draw(seeds: range, object_count: int = 1) -> tuple[Tensor, Tensor]:
    """Draw one scene per seed; return the pictures, uint8 (N, H, W, 3), and their classes (N, object_count)."""
    with ProcessPoolExecutor() as workers:
        drawn = list(workers.map(_draw_one, seeds, [object_count] * len(seeds), chunksize=256))
    return torch.from_numpy(np.stack([picture for picture, _ in drawn])), torch.tensor([labels for _, labels in drawn])


def normalise(pictures: Tensor) -> Tensor:
    """Return pictures, uint8 (N, H, W, 3), as inputs of the network (N, 3, H, W)."""
    mean, std = torch.tensor(MEAN)[:, None, None], torch.tensor(STD)[:, None, None]
    return (pictures.permute(0, 3, 1, 2) / 255 - mean) / std


def _draw_one(seed: int, object_count: int) -> tuple[np.ndarray, list[int]]:
    scene = scenes.scene(seed, object_count)
    return scene.picture, [scene_object.label for scene_object in scene.objects]
