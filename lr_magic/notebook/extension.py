"""Loading the extension registers the magics; unloading takes everything back."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from traitlets.config import Config

from lr_magic.notebook.compare_magic import CompareMagics
from lr_magic.notebook.completion import completer_for
from lr_magic.notebook.layer_magics import LayerMagics
from lr_magic.notebook.magics import LrMagics
from lr_magic.notebook.settings.configured import refused_values
from lr_magic.notebook.views.screen_choice import is_kernel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from IPython.core.interactiveshell import InteractiveShell


def load(shell: InteractiveShell) -> None:
    """Register the magics with a shell; loading twice is loading once."""
    unload(shell)
    _leave_out_refused_values(shell)
    magics = LrMagics(shell)
    for each in (magics, LayerMagics(shell, magics.undo), CompareMagics(shell, magics.shown)):
        shell.register_magics(each)
        for key, complete in _completers(each):
            shell.set_hook("complete_command", complete, str_key=key)
    if is_kernel(shell):
        magics.shown.install()


def unload(shell: InteractiveShell) -> None:
    """Remove from a shell what `load` has put there; results that were bound to names stay."""
    for others in (LayerMagics, CompareMagics):
        _take_away(shell, shell.magics_manager.registry.pop(others.__name__, None))
    magics = shell.magics_manager.registry.pop(LrMagics.__name__, None)
    if magics is None:
        return
    magics.shown.remove()
    magics.between_cells.close()
    _take_away(shell, magics)


def _leave_out_refused_values(shell: InteractiveShell) -> None:
    section = shell.config.get("LrMagics", Config())
    for name, error in list(refused_values(section)):
        sys.stderr.write(f"LrMagics.{name} is left at its default: {error}\n")
        del section[name]


def _take_away(shell: InteractiveShell, magics: Any) -> None:
    if magics is None:
        return
    if magics in shell.configurables:
        shell.configurables.remove(magics)
    for key, _ in _completers(magics):
        shell.strdispatchers["complete_command"].strs.pop(key, None)
    for kind, names in magics.magics.items():
        for name in names:
            shell.magics_manager.magics[kind].pop(name, None)


def _completers(magics: Any) -> Iterator[tuple[str, Callable[[InteractiveShell, Any], list[str]]]]:
    words = magics.layer_names if isinstance(magics, LayerMagics) else None
    for kind, sign in (("line", "%"), ("cell", "%%")):
        for name in magics.magics[kind]:
            yield f"{sign}{name}", completer_for(getattr(magics, name).parser, words)
