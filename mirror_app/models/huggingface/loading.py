"""The model in a folder, read by the library that saved it."""

from dataclasses import replace
from pathlib import Path

from mirror_app.errors import MirrorError
from mirror_app.models.huggingface import folder
from mirror_app.models.model import Model


def load(path: Path, name: str) -> Model:
    """Return the model in a folder.

    Args:
        path: The folder.
        name: The name of the model on the page and in links.

    Raises:
        MirrorError: If files or a package are missing, or if the model or its preprocessing cannot be read.
    """
    library = folder.require_library(path, name)
    if not folder.weight_files({file.name for file in path.iterdir()}):
        raise MirrorError(
            f"'{name}' has no weights in the safetensors format.",
            culprit=str(path),
            accepted=f"a folder with {folder.WEIGHTS}",
        )
    try:
        match library:
            case folder.Library.TIMM:
                from mirror_app.models.huggingface import timm_models

                return timm_models.load(path, name)
            case folder.Library.TRANSFORMERS:
                from mirror_app.models.huggingface import transformers_models, transformers_texts

                model = transformers_models.load(path, name)
                return replace(model, text_encoder=transformers_texts.encoder(path, name))
            case folder.Library.OPEN_CLIP:
                from mirror_app.models.huggingface import open_clip_models

                return open_clip_models.load(path, name)
    except MirrorError:
        raise
    except Exception as error:  # a library may raise anything for a configuration or weights that it does not accept
        line = str(error).strip().partition("\n")[0][:200]
        raise MirrorError(f"{library} cannot load '{name}': {line or type(error).__name__}", culprit=name) from error
