"""Weight files, possibly from an untrusted source: checked before they are loaded, and loaded only if they fit.

No code in a file is run, and nothing is read before its size is known.
"""

import pickle
import re
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from mirror_app.errors import MirrorError
from mirror_app.models.pickled import MAX_HEADER, check_archive, refusal

_MAX_NAMED = 3  # how many differences of each kind an error message names
_OTHER_FORMATS = {
    rb"\x89HDF": "a Keras or HDF5 file",
    rb"\x08.\x12": "an ONNX file",
    rb"\x80[\x02-\x05]": "a bare pickle, the format of PyTorch before 1.6",
}


def load_into(module: nn.Module, file: Path) -> None:
    """Load the weights in `file` into `module`, in the module's own precision.

    Raises:
        MirrorError: If the file is not accepted, or if names, shapes or types in it differ from the module's.
    """
    tensors = read(file)
    _match(module, tensors, file)
    module.load_state_dict(tensors)


def read(file: Path) -> dict[str, Tensor]:
    """Return the tensors in `file` by name, on the CPU; raise MirrorError if the file holds anything else."""
    if not file.is_file():
        raise MirrorError(f"The weights file '{file}' does not exist.", culprit=str(file))
    try:
        tensors = _tensors(file)
    except (SafetensorError, zipfile.BadZipFile, EOFError, OSError, ValueError, RuntimeError) as error:
        raise refusal(f"The weights in '{file.name}' are damaged or cut short.", file.name) from error
    except pickle.UnpicklingError as error:
        raise refusal(f"'{file.name}' contains more than tensors, so it was not loaded.", file.name) from error
    for name, tensor in tensors.items():
        _check_tensor(name, tensor, file)
    return tensors


def _tensors(file: Path) -> dict[str, Tensor]:
    with file.open("rb") as opened:
        head = opened.read(16)
    if head.startswith(b"PK\3\4"):
        return _state_dict(file)
    if file.suffix == ".safetensors" or head[8:9] == b"{":
        if int.from_bytes(head[:8], "little") > MAX_HEADER:
            raise refusal(f"'{file.name}' has a header larger than {MAX_HEADER // 2**20} MB.", file.name)
        return load_file(file)
    kinds = (kind for magic, kind in _OTHER_FORMATS.items() if re.match(magic, head, re.DOTALL))
    raise refusal(f"'{file.name}' is {next(kinds, 'not a weights file')}.", file.name)


def _state_dict(file: Path) -> dict[str, Tensor]:
    check_archive(file)
    with file.open("rb") as opened:  # opened here so that the content decides, not the suffix
        content = torch.load(opened, map_location="cpu", weights_only=True)
    content = content.get("state_dict", content) if isinstance(content, dict) else content
    if not isinstance(content, Mapping) or not all(isinstance(name, str) for name in content):
        kind = type(content).__name__
        raise refusal(f"'{file.name}' holds a {kind}.", kind)
    return dict(content)


def _check_tensor(name: str, tensor: object, file: Path) -> None:
    if not isinstance(tensor, Tensor):
        kind = type(tensor).__name__
        raise MirrorError(f"'{name}' in '{file.name}' is a {kind}, not a tensor.", culprit=name, accepted="a tensor")
    if tensor.is_complex() or tensor.device.type != "cpu":
        raise MirrorError(
            f"'{name}' in '{file.name}' is {tensor.dtype} on {tensor.device}. Expected real numbers.",
            culprit=name,
            accepted="real numbers",
        )


def _match(module: nn.Module, tensors: Mapping[str, Tensor], file: Path) -> None:
    """Raise MirrorError with the first differences between the module's tensors and the tensors in the file."""
    expected = module.state_dict()
    if set(expected) == {name.removeprefix("module.") for name in tensors} != set(tensors):
        raise MirrorError(
            f"All names in '{file.name}' begin with “module.” (DataParallel)",
            culprit=file.name,
            hint="save model.module.state_dict() instead",
        )
    missing = [f"'{name}'" for name in expected if name not in tensors]
    unexpected = [f"'{name[:80]}'" for name in tensors if name not in expected]
    pairs = [(name, expected[name], tensors[name]) for name in expected if name in tensors]
    mismatches = [difference for pair in pairs if (difference := _difference(*pair))]
    by_kind = {"missing: ": missing, "not in the model: ": unexpected, "": mismatches}
    if differences := "; ".join(f"{kind}{_shortened(names)}" for kind, names in by_kind.items() if names):
        raise MirrorError(f"The weights in '{file.name}' do not match the model: {differences}.", culprit=file.name)


def _difference(name: str, expected: Tensor, loaded: Tensor) -> str:
    if expected.shape != loaded.shape:
        return f"'{name}' has shape {tuple(loaded.shape)}, expected {tuple(expected.shape)}"
    if expected.is_floating_point() != loaded.is_floating_point():
        return f"'{name}' is {loaded.dtype}, expected {expected.dtype}"
    return "" if loaded.isfinite().all() else f"'{name}' contains NaN or infinite values"


def _shortened(differences: Sequence[str]) -> str:
    more = f" and {len(differences) - _MAX_NAMED} more" if len(differences) > _MAX_NAMED else ""
    return ", ".join(differences[:_MAX_NAMED]) + more
