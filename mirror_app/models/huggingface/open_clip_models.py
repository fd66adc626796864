"""The CLIP models that open_clip saved: the tower for pictures is the model, that for texts its text encoder."""

from functools import partial
from pathlib import Path
from typing import Any

import open_clip
import torch
from torch import Tensor

from mirror_app.errors import MirrorError
from mirror_app.images import Preprocessing
from mirror_app.models.huggingface.folder import OPEN_CLIP_CONFIG, read_json
from mirror_app.models.initialisation import fixed_seed
from mirror_app.models.model import Model
from mirror_app.models.text_encoder import TextEncoder, TextTower
from mirror_app.probe.output_kind import OutputKind, OutputMeaning


def load(folder: Path, name: str) -> Model:
    """Return the picture tower of the model in `folder`.

    Raises:
        MirrorError: If the model pads pictures, or if its text tower is in another repository.
    """
    configuration = read_json(folder / OPEN_CLIP_CONFIG).get("model_cfg", {})
    if other := configuration.get("text_cfg", {}).get("hf_model_name"):
        raise MirrorError(f"'{name}' needs the text model '{other}', which Mirror does not download.", culprit=other)
    module = _whole(folder)
    config = open_clip.get_model_preprocess_cfg(module)
    size = config["size"]
    side = size if isinstance(size, int) else tuple(size)
    match config["resize_mode"]:
        case "shortest":
            resized = side if isinstance(side, int) else min(side)
        case "squash":
            resized = (side, side) if isinstance(side, int) else side
        case mode:
            raise MirrorError(f"'{name}' expects padded pictures, which Mirror cannot prepare.", culprit=str(mode))
    preprocessing = Preprocessing(
        side, resized, tuple(config["mean"]), tuple(config["std"]), config.get("interpolation", "bicubic")
    )
    count = module.visual.output_dim
    kind = OutputKind.EMBEDDING
    # Other tokenizers would be downloaded.
    has_own_tokenizer = not configuration.get("text_cfg", {}).get("hf_tokenizer_name")
    texts = TextEncoder(partial(_text_tower, folder)) if has_own_tokenizer else None
    return Model(name, module.visual, preprocessing, kind.names(count), output=OutputMeaning(kind), text_encoder=texts)


def _whole(folder: Path) -> Any:
    with fixed_seed():
        return open_clip.create_model(f"local-dir:{folder}", device="cpu", precision="fp32").eval()


def _text_tower(folder: Path) -> TextTower:
    """Return the text tower of the model in `folder`."""
    module, tokenizer = _whole(folder), open_clip.get_tokenizer(f"local-dir:{folder}")
    del module.visual
    limit, end = tokenizer.context_length, [tokenizer.eot_token_id]

    def tokens(text: str) -> list[int]:
        return [tokenizer.sot_token_id, *tokenizer.encode(text), *end]

    def embed(ids: list[int]) -> Tensor:
        embeddings: Tensor = module.encode_text(torch.tensor([ids + [0] * (limit - len(ids))]))
        return embeddings[0]

    bias = getattr(module, "logit_bias", None)
    return TextTower(
        module, tokens, embed, limit, module.logit_scale.exp().item(), None if bias is None else bias.item()
    )
