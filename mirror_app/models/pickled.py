"""A file that torch.save wrote, looked at before it is read: no code, and no more memory than the file has bytes.

`torch.load(weights_only=True)` runs nothing, but it unpacks what is packed, and makes a `bytearray` of as many bytes
as it is told to: 500 bytes of file fill any memory.
"""

import pickletools
import re
import zipfile
from collections.abc import Sequence
from pathlib import Path

from mirror_app.errors import MirrorError

HEADER = 2 * 2**20  # bytes: the names, kinds and shapes of ten thousand tensors
# All that the state dict of a model asks for.
_PLAIN = re.compile(r"collections OrderedDict|torch\._utils _rebuild_(tensor_v2|parameter)|torch \w+Storage")


def check_archive(file: Path, wanted: str) -> None:
    """Raise MirrorError where the zip archive `file` is no plain state dict; `wanted` is what would be accepted."""
    with zipfile.ZipFile(file) as archive:
        entries = archive.infolist()
        _whole(archive, entries, file, wanted)
        program = next(entry for entry in entries if entry.filename.endswith("/data.pkl"))
        if program.file_size > HEADER:
            raise MirrorError(f"'{file.name}' declares more than any model has: {wanted}.")
        asked = {
            str(name) for code, name, _ in pickletools.genops(archive.read(program)) if code.name in ("GLOBAL", "INST")
        }
    strangers = sorted(name.replace(" ", ".") for name in asked if not _PLAIN.fullmatch(name))
    if any(name.startswith("torch.nn.modules.") for name in strangers):
        raise MirrorError(f"'{file.name}' is a whole model with its code: save its state_dict() instead, as {wanted}.")
    if strangers:
        raise MirrorError(f"'{file.name}' asks for '{strangers[0][:60]}', beyond plain tensors; nothing ran: {wanted}.")


def _whole(archive: zipfile.ZipFile, entries: Sequence[zipfile.ZipInfo], file: Path, wanted: str) -> None:
    """Refuse an archive that is not torch.save's, that is packed, or that another reader might see otherwise."""
    names = [entry.filename.lower() for entry in entries]
    inside = {name.partition("/")[2] for name in names}
    if "constants.pkl" in inside:
        raise MirrorError(f"'{file.name}' is a TorchScript program: {wanted}.")
    if "data.pkl" not in inside or len({name.partition("/")[0] for name in names}) > 1:
        raise MirrorError(f"'{file.name}' is an archive of something else, as Keras writes it: {wanted}.")
    packed = any(entry.compress_type != zipfile.ZIP_STORED for entry in entries)
    if packed or sum(entry.file_size for entry in entries) > file.stat().st_size:
        raise MirrorError(f"'{file.name}' is packed, which torch.save never does, and might fill the memory: {wanted}.")
    if archive.comment or min(entry.header_offset for entry in entries) or len(set(names)) < len(names):
        raise MirrorError(f"'{file.name}' can be read in two ways, which torch.save never writes: {wanted}.")
