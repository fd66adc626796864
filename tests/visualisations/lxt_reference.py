"""The relevance of a vision transformer's pixels by LXT, run as a process of its own, since LXT patches classes.

python -m tests.visualisations.lxt_reference FILE writes the map and the logit for each γ.
"""

import sys
from types import ModuleType
from typing import Any

import lxt
import torch
from torch import Tensor, nn
from torchvision.models import vit_b_16

TARGET = 3
GAMMAS = (0.0, 0.25)


def model() -> nn.Module:
    torch.manual_seed(0)
    network: Any = vit_b_16(image_size=64, num_classes=10)
    nn.init.normal_(network.heads.head.weight, std=0.02)  # torchvision starts with zeros
    for parameter in network.parameters():
        parameter.requires_grad_(False)
    return network.double().eval()


def picture() -> Tensor:
    return torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def main(path: str) -> None:
    # The package's own __init__ imports what newer versions of Transformers no longer have.
    package = ModuleType("lxt.efficient")
    package.__path__ = [f"{lxt.__path__[0]}/efficient"]
    sys.modules["lxt.efficient"] = package
    from lxt.efficient import patches, zennit_patches
    from zennit.composites import LayerMapComposite
    from zennit.rules import Gamma

    patches.patch_method(patches.non_linear_forward, nn.GELU, keep_original=True)
    patches.patch_method(patches.layer_norm_forward, nn.LayerNorm)
    patches.patch_method(patches.cp_multi_head_attention_forward, nn.MultiheadAttention, keep_original=True)
    zennit_patches.monkey_patch_zennit()
    network = model()
    results = {}
    for gamma in GAMMAS:
        inputs = picture().requires_grad_()
        composite = LayerMapComposite([(nn.Conv2d, Gamma(gamma, stabilizer=1e-40))])
        composite.register(network)
        logit = network(inputs)[0, TARGET]
        (gradient,) = torch.autograd.grad(logit, inputs)
        composite.remove()
        results[gamma] = (inputs * gradient).sum(1).detach(), logit.detach()
    torch.save(results, path)


if __name__ == "__main__":
    main(sys.argv[1])
