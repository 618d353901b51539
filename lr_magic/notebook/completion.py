"""Tab after a magic: its options, the choices of an option, and the notebook's names."""

from __future__ import annotations

import inspect
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from argparse import Action, ArgumentParser
    from collections.abc import Callable, Mapping

    from IPython.core.interactiveshell import InteractiveShell


def completer_for(parser: ArgumentParser) -> Callable[[InteractiveShell, Any], list[str]]:
    """Completer of a magic, in the form that IPython's ``complete_command`` hook takes."""

    def complete(shell: InteractiveShell, event: Any) -> list[str]:
        return completions(parser, event.line, event.symbol, shell.user_ns)

    return complete


def completions(parser: ArgumentParser, line: str, symbol: str, namespace: Mapping[str, object]) -> list[str]:
    """What may stand at the end of a magic's line.

    Parameters
    ----------
    parser
        The magic's options.
    line, symbol
        The line up to the cursor, and its last word as far as it is typed.
    namespace
        The notebook's names.
    """
    if symbol.startswith("-"):
        return [option for action in parser._actions for option in action.option_strings]  # noqa: SLF001
    words = line.split()
    previous = words[-1] if line.endswith(" ") else words[-2] if len(words) > 1 else ""
    action = next((each for each in parser._actions if previous in each.option_strings), None)  # noqa: SLF001
    return _values(action, namespace)


def _values(action: Action | None, namespace: Mapping[str, object]) -> list[str]:
    if action is not None and action.choices is not None:
        return [str(choice) for choice in action.choices]
    return [name for name, value in namespace.items() if not name.startswith("_") and _is_data(value)]


def _is_data(value: object) -> bool:
    """Whether a name may be meant as a value: models, loaders and numbers, not modules and classes."""
    return not isinstance(value, ModuleType) and not inspect.isclass(value)
