"""Pictures: read, checked, and prepared as a model expects them."""

from mirror_app.decoding.files import MAX_BYTES, MAX_PIXELS
from mirror_app.images.pictures import (
    Picture,
    decode,
    decode_upload,
    from_array,
    from_image,
    with_colours,
    with_extra_inputs,
)
from mirror_app.images.pixels import PixelCache
from mirror_app.images.preprocessing import Preprocessing, from_tensor

__all__ = [
    "MAX_BYTES", "MAX_PIXELS", "Picture", "PixelCache", "Preprocessing", "decode", "decode_upload", "from_array",
    "from_image", "from_tensor", "with_colours", "with_extra_inputs",
]  # fmt: skip
