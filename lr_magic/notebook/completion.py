"""Tab after a magic: its options, the choices of an option, and the notebook's names."""

from __future__ import annotations

import inspect
from types import ModuleType
from typing import TYPE_CHECKING, Any

from lr_magic.training.layers.layer_groups import find_layer_groups
from lr_magic.training.layers.layer_units import unwrapped

if TYPE_CHECKING:
    from argparse import Action, ArgumentParser
    from collections.abc import Callable, Mapping

    from IPython.core.interactiveshell import InteractiveShell
    from torch import nn


def completer_for(
    parser: ArgumentParser, words: Callable[[str, str], list[str]] | None = None
) -> Callable[[InteractiveShell, Any], list[str]]:
    """Completer of a magic, in the form that IPython's ``complete_command`` hook takes.

    Parameters
    ----------
    parser
        The magic's options.
    words
        Called with the line and its last word: what may stand where no option is being given; None for the notebook's
        names.
    """

    def complete(shell: InteractiveShell, event: Any) -> list[str]:
        if words is not None and not event.symbol.startswith("-") and _pending(parser, event.line) is None:
            return words(event.line, event.symbol)
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
    action = _pending(parser, line)
    takes_words = any(not each.option_strings for each in parser._actions)  # noqa: SLF001
    return _values(action, namespace) if action is not None or takes_words else []


def layer_names(model: nn.Module, typed: str) -> list[str]:
    """Names of layers that may follow what is typed: one level deeper at most, and the layer groups' own."""
    inner = unwrapped(model)
    depth = typed.count(".")
    paths = [path for path, part in inner.named_modules() if path and next(part.parameters(), None) is not None]
    groups = [name for group in find_layer_groups(inner) for name in group.names]
    return list(dict.fromkeys([*groups, *(path for path in paths if path.count(".") <= depth)]))


def _pending(parser: ArgumentParser, line: str) -> Action | None:
    """The option whose value is being typed at the end of a line."""
    words = line.split()
    previous = words[-1] if line.endswith(" ") else words[-2] if len(words) > 1 else ""
    found = [each for each in parser._actions if previous in each.option_strings and each.nargs != 0]  # noqa: SLF001
    return found[0] if found else None


def _values(action: Action | None, namespace: Mapping[str, object]) -> list[str]:
    if action is not None and action.choices is not None:
        return [str(choice) for choice in action.choices]
    return [name for name, value in namespace.items() if not name.startswith("_") and _is_data(value)]


def _is_data(value: object) -> bool:
    """Whether a name may be meant as a value: models, loaders and numbers, not modules and classes."""
    return not isinstance(value, ModuleType) and not inspect.isclass(value)
