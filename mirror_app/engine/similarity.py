"""Finds the embeddings that a target names: of texts, and of other pictures."""

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor

from mirror_app import targets
from mirror_app.bundled.examples import examples
from mirror_app.errors import MirrorError
from mirror_app.images import Picture
from mirror_app.models import Model
from mirror_app.params import Value
from mirror_app.probe.output_kind import OutputKind
from mirror_app.targets import Target
from mirror_app.visualisations.core.picture_embedding import embedding
from mirror_app.visualisations.core.similarity import Similarity


def with_embeddings(value: Value, model: Model, pictures: Iterable[Picture]) -> Value | Similarity:
    """Return a target, with the embeddings of the texts or pictures that it names, if it names any.

    Args:
        value: A value of `target_class`.
        model: The model that embeds them.
        pictures: The pictures that the target may name by their ids, besides the bundled examples.

    Raises:
        MirrorError: If the model embeds no texts or pictures, or a picture is not there.
    """
    target = targets.from_value(value) if isinstance(value, str) else Target()
    if not target.is_similarity:
        return value
    names = [name for name in (target.text or target.like, target.unlike) if name]
    if target.text:
        vectors = [_text_embedding(text, model) for text in names]
    else:
        by_id = {picture.id: picture for picture in (*examples(), *pictures)}
        vectors = [_picture_embedding(name, by_id, target, model) for name in names]
    sign = -1 if target.is_down else 1  # the cosine with -r is minus that with r
    reference, minus = [*(sign * vector for vector in vectors), None][:2]
    assert reference is not None
    return Similarity(reference, minus, target.layer, target.description)


def compare_with_texts(model: Model, answers: np.ndarray, texts: Iterable[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return how similar a picture is to each of K texts, and the probability that the model gives each.

    Args:
        model: A model that embeds pictures and texts, such as CLIP.
        answers: The embedding of the picture, `Prediction.answers`.
        texts: The texts, such as "a photo of a cat".

    Returns:
        The cosines (K,) of the embeddings, and the probabilities (K,). These sum to 1 over the texts if the model was
        trained so, as CLIP was; with SigLIP, each text has its own.

    Raises:
        MirrorError: If the model embeds no texts.
    """
    vectors, picture_vector = torch.stack([_text_embedding(text, model) for text in texts]), torch.from_numpy(answers)
    cosines = torch.nn.functional.cosine_similarity(vectors.to(picture_vector), picture_vector[None])
    assert model.text_encoder
    return cosines.numpy(), model.text_encoder.likelihood(cosines).numpy()


def _text_embedding(text: str, model: Model) -> Tensor:
    if model.text_encoder is None:
        raise MirrorError(
            f"The model '{model.name}' reads no texts",
            culprit=text,
            accepted="a model such as CLIP or SigLIP",
            hint="choose a model such as CLIP or SigLIP, or another target",
        )
    return model.text_encoder.embedding(text)


def _picture_embedding(picture_id: str, pictures: dict[str, Picture], target: Target, model: Model) -> Tensor:
    if picture_id not in pictures:
        raise MirrorError(
            f"The target names the picture '{picture_id[:60]}', which is not there",
            culprit=picture_id,
            accepted=tuple(pictures),
            hint="add it, or choose another target",
        )
    if not target.layer and model.kind is not OutputKind.EMBEDDING:
        example = f'avgpool:like "{picture_id[:60]}"'
        raise MirrorError(
            f"The model '{model.name}' returns {model.kind.nouns}, not an embedding of the picture",
            culprit=str(target),
            accepted="a model that returns an embedding, or a layer",
            hint=f"name a layer whose output is compared, as in '{example}'",
        )
    picture = pictures[picture_id]
    with model.views.lease(model.extra_inputs_of(picture)) as view:
        return embedding(view, model.inputs(picture), target.layer)[0]
