"""Pictures: read, checked, and prepared as a model expects them."""

from mirror_app.images.pictures import (
    MAX_BYTES,
    MAX_PIXELS,
    Picture,
    Preprocessing,
    decode,
    from_array,
    from_image,
    from_tensor,
    with_colours,
    with_extra_inputs,
)

__all__ = [
    "MAX_BYTES",
    "MAX_PIXELS",
    "Picture",
    "Preprocessing",
    "decode",
    "from_array",
    "from_image",
    "from_tensor",
    "with_colours",
    "with_extra_inputs",
]
