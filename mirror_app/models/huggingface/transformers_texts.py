"""The text towers of CLIP and SigLIP models of Hugging Face Transformers."""

from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import AutoConfig, AutoTokenizer

from mirror_app.errors import MirrorError
from mirror_app.models.huggingface import transformers_models
from mirror_app.models.text_encoder import TextEncoder, TextTower

_PICTURE_PARTS = ("vision_model", "visual_projection")


def encoder(folder: Path, name: str) -> TextEncoder | None:
    """Return the text encoder of the model in `folder`, or None if the model reads no texts."""
    config = AutoConfig.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
    reads_texts = (config.architectures or [""])[0] in transformers_models.PICTURE_TOWERS
    return TextEncoder(partial(_load, folder, name)) if reads_texts else None


def _load(folder: Path, name: str) -> TextTower:
    """Return the text tower of the model in `folder`; raise MirrorError if its tokenizer is missing."""
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError, ImportError) as error:
        raise MirrorError(f"'{name}' has no tokenizer that can be read.", culprit=name) from error
    module: Any = transformers_models.whole(folder, name)
    for part in _PICTURE_PARTS:
        if hasattr(module, part):
            delattr(module, part)
    limit = module.config.text_config.max_position_embeddings
    bias = getattr(module, "logit_bias", None)

    def tokens(text: str) -> list[int]:
        ids: list[int] = tokenizer(text)["input_ids"]
        return ids

    def embed(ids: list[int]) -> Tensor:
        # SigLIP was trained with texts padded to the full length.
        padding = [] if bias is None else [tokenizer.pad_token_id] * (limit - len(ids))
        output: Any = module.get_text_features(input_ids=torch.tensor([ids + padding]))
        embeddings: Tensor = output if isinstance(output, Tensor) else output.pooler_output
        return embeddings[0]

    scale = module.logit_scale.exp().item()
    return TextTower(module, tokens, embed, limit, scale, None if bias is None else bias.item())
