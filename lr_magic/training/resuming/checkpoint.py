"""A training in a file: written so that a kill at any moment leaves a whole one, read without running what is in it."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from lr_magic.pure.errors import SettingError

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import BinaryIO

FORMAT = 3
"""Number of the file's layout; a file with another one is refused."""


def write_checkpoint(path: str | os.PathLike[str], content: dict[str, Any]) -> None:
    """Write a checkpoint to `path`, replacing what is there in one stroke.

    The content goes to a file of its own beside it, is forced to the disk, and only then takes the name: whoever reads
    `path`, at any moment and after any crash, finds the old one or the new one, whole.

    Parameters
    ----------
    path
        File to write; its folder must exist.
    content
        Tensors, numbers, text, None, and dicts, lists and tuples of them.
    """
    _replace_file(Path(path), lambda file: torch.save({**content, "format": FORMAT}, file))


def read_checkpoint(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read what `write_checkpoint` wrote; nothing in the file is executed (``weights_only=True``).

    Raises
    ------
    SettingError
        If there is no such file, or it is not a checkpoint.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise SettingError(f"There is no checkpoint at {path}. Train with --checkpoint {path} first.") from None
    except Exception as error:
        raise SettingError(f"{path} is not a checkpoint of lr_magic ({type(error).__name__}).") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise SettingError(f"{path} is not a checkpoint of lr_magic, or one of another version.")
    return content


def refuse_bad_place(path: str | os.PathLike[str]) -> None:
    """Raise SettingError where a checkpoint cannot be written, before a training has begun.

    Left-overs of writes to the same path that were killed are removed.
    """
    target = Path(path)
    if target.is_dir():
        raise SettingError(f"{path} is a folder; a checkpoint is a file: {target / 'fit.pt'}.")
    if not target.parent.is_dir() or not os.access(target.parent, os.W_OK):
        raise SettingError(f"The folder {target.parent} does not exist or cannot be written to. Make it first.")
    for left_over in target.parent.glob(f".{target.name}.*.part"):
        with suppress(OSError):
            left_over.unlink()


def _replace_file(target: Path, write: Callable[[BinaryIO], None]) -> None:
    number, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".part")
    part = Path(name)
    try:
        with os.fdopen(number, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        part.replace(target)
    except BaseException:
        with suppress(OSError):
            part.unlink()
        raise
    _sync_folder(target.parent)


def _sync_folder(folder: Path) -> None:
    """Force the new name to the disk, too; some systems cannot open a folder."""
    with suppress(OSError):
        number = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)
