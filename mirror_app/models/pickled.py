"""Checks files written by torch.save before loading: they must not run code or take more memory than their size.

`torch.load(weights_only=True)` runs no code, but it decompresses archives and allocates a `bytearray` of any length
that the pickle asks for, so a file of 500 bytes can exhaust memory.
"""

import pickletools
import re
import zipfile
from collections.abc import Sequence
from pathlib import Path

from mirror_app.errors import MirrorError

ACCEPTED = ".safetensors files and state dicts saved with torch.save"
MAX_HEADER = 2 * 2**20  # bytes: enough for the names, types and shapes of ten thousand tensors
# The only globals in the pickle of a state dict.
_SAFE_GLOBALS = re.compile(r"collections OrderedDict|torch\._utils _rebuild_(tensor_v2|parameter)|torch \w+Storage")


def refusal(problem: str, culprit: str) -> MirrorError:
    """Return the error for a weights file that is not loaded; it ends with the formats that are accepted."""
    return MirrorError(problem, culprit=culprit, accepted=ACCEPTED, hint=f"Mirror loads {ACCEPTED}.")


def check_archive(file: Path) -> None:
    """Raise MirrorError unless the zip archive `file` is a plain state dict."""
    with zipfile.ZipFile(file) as archive:
        entries = archive.infolist()
        _check_structure(archive, entries, file)
        pickle_entry = next(entry for entry in entries if entry.filename.endswith("/data.pkl"))
        if pickle_entry.file_size > MAX_HEADER:
            raise refusal(f"'{file.name}' has a header larger than {MAX_HEADER // 2**20} MB.", file.name)
        operations = pickletools.genops(archive.read(pickle_entry))
        imports = {str(name) for code, name, _ in operations if code.name in ("GLOBAL", "INST")}
    unsafe = sorted(name.replace(" ", ".") for name in imports if not _SAFE_GLOBALS.fullmatch(name))
    if any(name.startswith("torch.nn.modules.") for name in unsafe):
        raise MirrorError(
            f"'{file.name}' is a pickled model, which Mirror does not load.",
            culprit=file.name,
            accepted=ACCEPTED,
            hint="Save model.state_dict() with torch.save or safetensors.",
        )
    if unsafe:
        raise refusal(f"'{file.name}' imports '{unsafe[0][:60]}', so it was not loaded.", unsafe[0])


def _check_structure(archive: zipfile.ZipFile, entries: Sequence[zipfile.ZipInfo], file: Path) -> None:
    """Refuse an archive that torch.save did not write, that is compressed, or that is ambiguous."""
    names = [entry.filename.lower() for entry in entries]
    inside = {name.partition("/")[2] for name in names}
    if "constants.pkl" in inside:
        raise refusal(f"'{file.name}' is a TorchScript program.", file.name)
    if "data.pkl" not in inside or len({name.partition("/")[0] for name in names}) > 1:
        raise refusal(f"'{file.name}' is an archive not written by torch.save, such as a Keras model.", file.name)
    is_compressed = any(entry.compress_type != zipfile.ZIP_STORED for entry in entries)
    if is_compressed or sum(entry.file_size for entry in entries) > file.stat().st_size:
        raise refusal(f"'{file.name}' is compressed, which could exhaust memory.", file.name)
    if archive.comment or min(entry.header_offset for entry in entries) or len(set(names)) < len(names):
        raise refusal(f"'{file.name}' was not written by torch.save: it has duplicate names or extra data.", file.name)
