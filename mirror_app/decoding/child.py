"""The process that decodes one picture: the file comes on standard input, the pixels go to standard output.

The first line of the input has the number of pixels that is accepted, and the seconds that decoding may take. The first
line of the output is JSON: either the shape of the pixels and the notes, or the reason why the file is refused.
"""

import json
import os
import sys
from contextlib import suppress

from mirror_app.decoding.files import UnreadableError, read_file

_BYTES_PER_PIXEL = 24  # what Pillow needs for the conversions of a picture
_PROGRAM_BYTES = 2**29  # the address space of Python, NumPy and Pillow


def main() -> None:
    """Decode the picture on standard input."""
    max_pixels, seconds = map(int, sys.stdin.buffer.readline().split())
    _restrict(_PROGRAM_BYTES + _BYTES_PER_PIXEL * max_pixels, seconds)
    try:
        pixels, notes = read_file(sys.stdin.buffer.read(), max_pixels)
    except UnreadableError as error:
        _write_line({"reason": str(error)})
    else:
        _write_line({"shape": pixels.shape, "notes": notes})
        sys.stdout.buffer.write(pixels.data)


def _write_line(answer: dict[str, object]) -> None:
    sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n")


def _restrict(memory: int, seconds: int) -> None:
    """Bound the time and the memory of this process, and let all others go first."""
    try:
        import resource
    except ImportError:  # Windows has no such limits
        return
    os.nice(10)
    for kind, limit in ((resource.RLIMIT_CORE, 0), (resource.RLIMIT_CPU, seconds), (resource.RLIMIT_AS, memory)):
        with suppress(ValueError, OSError):  # macOS bounds no address space; a system may have stricter limits
            resource.setrlimit(kind, (limit, limit))


if __name__ == "__main__":
    main()
