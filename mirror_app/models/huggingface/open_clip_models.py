"""The picture towers of CLIP models that open_clip saved."""

from pathlib import Path

import open_clip

from mirror_app.errors import MirrorError
from mirror_app.images import Preprocessing
from mirror_app.models.huggingface.folder import OPEN_CLIP_CONFIG, read_json
from mirror_app.models.initialisation import fixed_seed
from mirror_app.models.model import Model
from mirror_app.probe.output_kind import OutputKind, OutputMeaning


def load(folder: Path, name: str) -> Model:
    """Return the picture tower of the model in `folder`.

    Raises:
        MirrorError: If the model pads pictures, or if its text tower is in another repository.
    """
    configuration = read_json(folder / OPEN_CLIP_CONFIG).get("model_cfg", {})
    if other := configuration.get("text_cfg", {}).get("hf_model_name"):
        raise MirrorError(f"'{name}' needs the text model '{other}', which Mirror does not download.", culprit=other)
    with fixed_seed():
        module = open_clip.create_model(f"local-dir:{folder}", device="cpu", precision="fp32")
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
    return Model(name, module.visual, preprocessing, kind.names(count), output=OutputMeaning(kind))
