"""Files that a cell writes while it is only measured: they go to a temporary folder and are gone afterwards."""

from __future__ import annotations

import builtins
import io
import os
import shutil
import sys
import tempfile
import threading
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# Compilers and imports write here and read it back from other processes.
_CACHES = ("torchinductor", ".triton", ".cache", "__pycache__")
_SYSTEM = ("/dev/", "/proc/", "/sys/")


class FilesKeptBack:
    """Where files go that are not to be written; reading them back works.

    Known are files opened for writing with `open` or `Path.open` (by pickle, json, NumPy, pandas, PIL, matplotlib, …),
    `torch.save`, and files removed, renamed or replaced; new folders are removed again. Not known are files opened
    with `os.open`, written by C++ or Rust code of its own, by other threads and by other processes.

    Attributes
    ----------
    names
        Files that were not written, as the cell named them.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._thread = threading.get_ident()
        self._kept: dict[str, str] = {}
        self._made: list[str] = []
        self.names: list[str] = []
        self._open, self._save, self._mkdir, self._stat = builtins.open, torch.save, os.mkdir, os.stat
        self._replace, self._remove, self._rmtree = os.replace, os.remove, shutil.rmtree

    @property
    def note(self) -> str:
        """What was not written, to be added to a receipt; empty if nothing would have been."""
        return f"; not written: {', '.join(dict.fromkeys(self.names))}" if self.names else ""

    def replacements(self) -> list[tuple[Any, str, Callable[..., Any]]]:
        """What stands in for the functions that touch files: (module, name, function)."""
        return [
            *self._openers(),
            (torch, "save", self.save),
            (os, "stat", self.stat),
            (os, "mkdir", self.mkdir),
            (os, "replace", self.replace),
            (os, "rename", self.replace),
            (os, "remove", self.remove),
            (os, "unlink", self.remove),
            (shutil, "rmtree", self.rmtree),
        ]

    def _openers(self) -> list[tuple[Any, str, Callable[..., Any]]]:
        # a notebook's own `open` is IPython's, which knows the real one under a name of its own
        shells = sys.modules.get("IPython.core.interactiveshell")
        known = [(builtins, "open"), (io, "open"), *([(shells, "io_open")] if hasattr(shells, "io_open") else [])]
        return [(module, name, self.open) for module, name in known]

    def open(self, file: Any, mode: str = "r", *arguments: Any, **options: Any) -> Any:
        """`open`; a file that would be written is another one."""
        path = self._path_of(file) if options.get("opener") is None else None
        if path is None:
            return self._open(file, mode, *arguments, **options)
        if path in self._kept:
            return self._open(self._kept[path], mode, *arguments, **options)
        if not set(mode) & set("wax+"):
            return self._open(file, mode, *arguments, **options)
        if "x" in mode and os.path.lexists(path):
            raise FileExistsError(17, "File exists", str(file))
        return self._open(self._keep(file, path, copies="w" not in mode), mode, *arguments, **options)

    def save(self, obj: Any, f: Any, *arguments: Any, **options: Any) -> None:
        """`torch.save`, which writes on its own where it is given a path."""
        path = self._path_of(f)
        target = f if path is None else self._kept.get(path) or self._keep(f, path, copies=False)
        self._save(obj, target, *arguments, **options)

    def stat(self, path: Any, **options: Any) -> os.stat_result:
        """`os.stat`, behind `exists` and `is_file`."""
        known = self._kept.get(self._path_of(path) or "")
        return self._stat(path if known is None else known, **options)

    def mkdir(self, path: Any, *arguments: Any, **options: Any) -> None:
        """`os.mkdir`, remembered."""
        self._mkdir(path, *arguments, **options)
        if self._path_of(path) is not None:
            self._made.append(os.path.abspath(path))  # noqa: PTH100 - Path.resolve would follow links

    def replace(self, src: Any, dst: Any, **options: Any) -> None:
        """`os.replace` and `os.rename`: a file that was kept back moves there too, another one stays."""
        source, target = self._path_of(src), self._path_of(dst)
        if source is None or target is None:
            self._replace(src, dst, **options)
            return
        self._kept[target] = self._kept.pop(source) if source in self._kept else str(src)
        self.names.append(str(dst))

    def remove(self, path: Any, **options: Any) -> None:
        """`os.remove`: a file that was kept back goes, a real one stays."""
        known = self._path_of(path) if not options.get("dir_fd") else None
        if known is None:
            self._remove(path, **options)
        elif known not in self._kept:
            self._stat(path)
            self.names.append(str(path))
        else:
            del self._kept[known]

    def rmtree(self, path: Any, *arguments: Any, **options: Any) -> None:
        """`shutil.rmtree`: a real folder stays."""
        if self._path_of(path) is None:
            self._rmtree(path, *arguments, **options)
        else:
            self.names.append(str(path))

    def remove_folders(self) -> None:
        """Remove the folders that were made, where nothing is in them."""
        for path in reversed(self._made):
            with suppress(OSError):
                os.rmdir(path)  # noqa: PTH106 - fails where somebody else wrote into it, as it should

    def _path_of(self, file: Any) -> str | None:
        """Absolute path; None for what is left alone: descriptors, devices, caches, other threads."""
        if not isinstance(file, (str, os.PathLike)) or threading.get_ident() != self._thread:
            return None
        path = os.path.abspath(os.fspath(file))  # noqa: PTH100 - Path.resolve would follow links
        is_ours = path.startswith(str(self._folder))
        return None if is_ours or path.startswith(_SYSTEM) or any(part in path for part in _CACHES) else path

    def _keep(self, file: Any, path: str, *, copies: bool) -> str:
        """Name another file for one that would be written; with its content, where that is added to."""
        if not os.path.isdir(os.path.dirname(path)):  # noqa: PTH112, PTH120 - as the real call would say
            raise FileNotFoundError(2, "No such file or directory", str(file))
        kept = str(self._folder / f"{len(self.names)}_{os.path.basename(path)}")  # noqa: PTH119
        if copies and os.path.exists(path):  # noqa: PTH110
            shutil.copyfile(path, kept)
        self._kept[path] = kept
        self.names.append(str(file))
        return kept


@contextmanager
def files_kept_back() -> Iterator[FilesKeptBack]:
    """Keep files from being written in the block."""
    with tempfile.TemporaryDirectory(prefix="lr_magic_") as folder:
        kept = FilesKeptBack(Path(folder))
        try:
            with ExitStack() as stack:
                for module, name, function in kept.replacements():
                    stack.callback(setattr, module, name, getattr(module, name))
                    setattr(module, name, function)
                yield kept
        finally:
            kept.remove_folders()
