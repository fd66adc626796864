"""How much the visitors of a server may use."""

from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class Limits:
    """The limits of a server; the defaults are for one's own computer.

    Args:
        visitors: How many pages may be open at once.
        upload_megabytes: The size of one visitor's files. It limits separately the uploads that are not read yet, and
            the files kept for the pictures that the visitor added.
        all_upload_megabytes: The size of all files of all visitors that are not read yet.
        visitor_pictures: How many pictures one visitor may add.
        picture_megapixels: The size of one picture.
        visitor_megapixels: The size of all pictures that one visitor adds.
        picture_megabytes: The memory of all pictures that visitors added. Beyond it, the pictures that were not used
            for the longest time are kept as files only, and decoded again when they are needed.
        model_gigabytes: The memory of all models. Beyond it, the least recently used models are dropped.
        computations: How many computations may run or wait at once. Further ones are refused.
        seconds: How long one computation may take.
    """

    visitors: int = 50
    upload_megabytes: int = 1000
    all_upload_megabytes: int = 1000
    visitor_pictures: int = 200
    picture_megapixels: int = 25
    visitor_megapixels: int = 2500
    picture_megabytes: int = 1000
    model_gigabytes: int = 4
    computations: int = 20
    seconds: int = 24 * 60 * 60


PROFILES = MappingProxyType(
    {
        "own": Limits(),
        "hosted": Limits(
            visitors=100,
            upload_megabytes=50,
            all_upload_megabytes=500,
            visitor_pictures=50,
            picture_megapixels=13,  # as telephones take them
            visitor_megapixels=52,
            picture_megabytes=40,
            seconds=120,
        ),
    }
)
