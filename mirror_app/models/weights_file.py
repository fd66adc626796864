"""A file of weights that somebody else wrote: looked at before it is trusted, and loaded only where it fits.

Nothing in it is ever run: a state dict is read with `weights_only=True`. Nothing is read before its size is known: a
deflated archive, or one that declares more than it holds, is refused, as it could fill the memory.
"""

import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from mirror_app.errors import MirrorError

_SHOWN = 3  # differences that are named
_WANTED = "a .safetensors file, or a state dict saved by torch.save, is accepted"
_FOREIGN = {b"\x89HDF": "a Keras or HDF5 file", b"\x08": "an ONNX file", b"\x80\x02": "a file of PyTorch before 1.6"}


def load_into(module: nn.Module, file: Path) -> None:
    """Load the weights in `file` into `module`, in the module's own precision; raise MirrorError with what differs."""
    tensors = read(file)
    _match(module, tensors, file)
    module.load_state_dict(tensors)


def read(file: Path) -> dict[str, Tensor]:
    """Return the tensors in `file` by name, on the CPU; raise MirrorError where it holds anything else."""
    if not file.is_file():
        raise MirrorError(f"There is no file of weights '{file}'.")
    try:
        found = load_file(file) if file.suffix == ".safetensors" else _state_dict(file)
    except (SafetensorError, zipfile.BadZipFile, EOFError, OSError, ValueError, RuntimeError) as error:
        raise MirrorError(f"The weights in '{file.name}' are damaged or cut short: {_WANTED}.") from error
    except pickle.UnpicklingError as error:
        raise MirrorError(f"'{file.name}' holds more than tensors, which could run code: {_WANTED}.") from error
    for name, tensor in found.items():
        _acceptable(name, tensor, file)
    return found


def _state_dict(file: Path) -> dict[str, Tensor]:
    with file.open("rb") as opened:
        head = opened.read(4)
    if not head.startswith(b"PK"):
        kind = next((kind for magic, kind in _FOREIGN.items() if head.startswith(magic)), "no file of weights")
        raise MirrorError(f"'{file.name}' is {kind}: {_WANTED}.")
    with zipfile.ZipFile(file) as archive:
        entries = archive.infolist()
    names = {entry.filename.partition("/")[2] or entry.filename for entry in entries}
    if "constants.pkl" in names:
        raise MirrorError(f"'{file.name}' is a TorchScript program: {_WANTED}.")
    if "data.pkl" not in names:
        raise MirrorError(f"'{file.name}' is an archive of something else, as Keras writes it: {_WANTED}.")
    packed = any(entry.compress_type != zipfile.ZIP_STORED for entry in entries)
    if packed or sum(entry.file_size for entry in entries) > file.stat().st_size:
        raise MirrorError(
            f"'{file.name}' is packed, which torch.save never does, and might fill the memory: {_WANTED}."
        )
    found = torch.load(file, map_location="cpu", weights_only=True)
    found = found.get("state_dict", found) if isinstance(found, dict) else found
    if not isinstance(found, Mapping) or not all(isinstance(name, str) for name in found):
        raise MirrorError(f"'{file.name}' holds a {type(found).__name__}: {_WANTED}.")
    return dict(found)


def _acceptable(name: str, tensor: object, file: Path) -> None:
    if not isinstance(tensor, Tensor):
        raise MirrorError(f"'{name}' in '{file.name}' is a {type(tensor).__name__}, where a tensor is needed.")
    if tensor.layout != torch.strided or tensor.is_quantized or tensor.is_complex():
        raise MirrorError(f"'{name}' in '{file.name}' is {tensor.dtype} and {tensor.layout}: plain floats are needed.")


def _match(module: nn.Module, tensors: Mapping[str, Tensor], file: Path) -> None:
    """Raise MirrorError with the first differences between what the module has and what the file brings."""
    wanted = module.state_dict()
    if set(wanted) == {name.removeprefix("module.") for name in tensors} != set(tensors):
        raise MirrorError(
            f"All names in '{file.name}' begin with «module.»: save the model inside DataParallel instead."
        )
    differences = [f"'{name}' is missing" for name in wanted if name not in tensors]
    differences += [f"'{name}' is not in the model" for name in tensors if name not in wanted]
    for name in wanted.keys() & tensors.keys():
        mine, theirs = wanted[name], tensors[name]
        if mine.shape != theirs.shape:
            differences.append(f"'{name}' is {tuple(theirs.shape)}, where {tuple(mine.shape)} is needed")
        elif mine.is_floating_point() != theirs.is_floating_point():
            differences.append(f"'{name}' is {theirs.dtype}, where {mine.dtype} is needed")
        elif not theirs.isfinite().all():
            differences.append(f"'{name}' has numbers that are not finite")
    if differences:
        more = f", and {len(differences) - _SHOWN} more" if len(differences) > _SHOWN else ""
        raise MirrorError(f"The weights in '{file.name}' do not fit: {', '.join(differences[:_SHOWN])}{more}.")
