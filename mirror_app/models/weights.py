"""A file of weights that somebody else wrote: looked at before it is trusted, and loaded only where it fits.

Nothing in it is ever run, and nothing is read before its size is known: what declares more than it holds is refused.
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
from mirror_app.models import pickled

_SHOWN = 3  # differences of a kind that are named
_WANTED = "a .safetensors file, or a state dict saved by torch.save, is accepted"
_FOREIGN = {
    rb"\x89HDF": "a Keras or HDF5 file",
    rb"\x08.\x12": "an ONNX file",
    rb"\x80[\x02-\x05]": "a bare pickle, as PyTorch wrote before 1.6",
}


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
        found = _tensors(file)
    except (SafetensorError, zipfile.BadZipFile, EOFError, OSError, ValueError, RuntimeError) as error:
        raise MirrorError(f"The weights in '{file.name}' are damaged or cut short: {_WANTED}.") from error
    except pickle.UnpicklingError as error:
        raise MirrorError(f"'{file.name}' holds more than plain tensors; nothing ran: {_WANTED}.") from error
    for name, tensor in found.items():
        _acceptable(name, tensor, file)
    return found


def _tensors(file: Path) -> dict[str, Tensor]:
    with file.open("rb") as opened:
        head = opened.read(16)
    if head.startswith(b"PK\3\4"):
        return _state_dict(file)
    if file.suffix == ".safetensors" or head[8:9] == b"{":
        if int.from_bytes(head[:8], "little") > pickled.HEADER:
            raise MirrorError(f"'{file.name}' declares more than any model has: {_WANTED}.")
        return load_file(file)
    kinds = (kind for magic, kind in _FOREIGN.items() if re.match(magic, head, re.DOTALL))
    raise MirrorError(f"'{file.name}' is {next(kinds, 'no file of weights')}: {_WANTED}.")


def _state_dict(file: Path) -> dict[str, Tensor]:
    pickled.check_archive(file, _WANTED)
    with file.open("rb") as opened:  # by its content, whatever its name ends with
        found = torch.load(opened, map_location="cpu", weights_only=True)
    found = found.get("state_dict", found) if isinstance(found, dict) else found
    if not isinstance(found, Mapping) or not all(isinstance(name, str) for name in found):
        raise MirrorError(f"'{file.name}' holds a {type(found).__name__}: {_WANTED}.")
    return dict(found)


def _acceptable(name: str, tensor: object, file: Path) -> None:
    if not isinstance(tensor, Tensor):
        raise MirrorError(f"'{name}' in '{file.name}' is a {type(tensor).__name__}, where a tensor is needed.")
    if tensor.is_complex() or tensor.device.type != "cpu":
        raise MirrorError(f"'{name}' in '{file.name}' is {tensor.dtype} on {tensor.device}: plain floats are needed.")


def _match(module: nn.Module, tensors: Mapping[str, Tensor], file: Path) -> None:
    """Raise MirrorError with the first differences between what the module has and what the file brings."""
    wanted = module.state_dict()
    if set(wanted) == {name.removeprefix("module.") for name in tensors} != set(tensors):
        raise MirrorError(
            f"All names in '{file.name}' begin with “module.” (DataParallel): save model.module.state_dict() instead."
        )
    missing = [f"'{name}'" for name in wanted if name not in tensors]
    strange = [f"'{name[:80]}'" for name in tensors if name not in wanted]
    pairs = [(name, wanted[name], tensors[name]) for name in wanted if name in tensors]
    wrong = [difference for pair in pairs if (difference := _difference(*pair))]
    kinds = {"missing: ": missing, "not in the model: ": strange, "": wrong}
    if found := "; ".join(f"{kind}{_some(differences)}" for kind, differences in kinds.items() if differences):
        raise MirrorError(f"The weights in '{file.name}' do not fit: {found}.")


def _difference(name: str, mine: Tensor, theirs: Tensor) -> str:
    if mine.shape != theirs.shape:
        return f"'{name}' is {tuple(theirs.shape)}, where {tuple(mine.shape)} is needed"
    if mine.is_floating_point() != theirs.is_floating_point():
        return f"'{name}' is {theirs.dtype}, where {mine.dtype} is needed"
    return "" if theirs.isfinite().all() else f"'{name}' has numbers that are not finite"


def _some(differences: Sequence[str]) -> str:
    more = f" and {len(differences) - _SHOWN} more" if len(differences) > _SHOWN else ""
    return ", ".join(differences[:_SHOWN]) + more
