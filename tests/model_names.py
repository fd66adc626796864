"""The models of timm and the sizes of their weights: `make names` writes mirror_app/models/huggingface/timm.txt.

The list comes with Mirror, because importing timm to make it would take seconds.
"""

import timm
import torch
from timm.models import get_pretrained_cfg

from mirror_app.models.huggingface.names import TIMM, TIMM_FILE

BYTES = 4  # of a number in float32


def main() -> None:
    """Write the name and the size in bytes of each model that timm has on the hub."""
    sizes: dict[str, int] = {}
    lines = [f"timm {timm.__version__}"]
    for name in timm.list_pretrained():
        stated = get_pretrained_cfg(name)
        if stated is not None and stated.hf_hub_id == TIMM + name:
            architecture = name.partition(".")[0]
            key = f"{architecture} {stated.num_classes}"
            if key not in sizes:
                with torch.device("meta"):
                    tensors = timm.create_model(name).state_dict().values()
                sizes[key] = sum(tensor.numel() for tensor in tensors) * BYTES
            lines.append(f"{name} {sizes[key]}")
    TIMM_FILE.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
