"""Files and folders that only their owner may read, files written whole or not at all."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path


def write_private(path: Path, content: bytes) -> None:
    """Put `content` in the place of what `path` holds, with mode 0600; a symbolic link stays one.

    Raises OSError, and leaves what was there, where that cannot be done.
    """
    real = Path(os.path.realpath(path))
    handle, name = tempfile.mkstemp(dir=real.parent, prefix=f".{real.name}.")  # 0600 from the first moment
    try:
        with open(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, real)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):  # it may just have taken its place
            os.unlink(name)
        raise


def private_folder(folder: Path) -> None:
    """Make a folder for its owner alone, which git ignores wherever it lies. Raises OSError."""
    folder.mkdir(mode=0o700, exist_ok=True)
    ignore = folder / ".gitignore"
    if not os.path.lexists(ignore):
        ignore.write_text("*\n", encoding="utf-8")
