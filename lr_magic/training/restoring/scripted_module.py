"""What a module of TorchScript consists of: it lies outside of Python, where no walk comes by."""

from __future__ import annotations

from typing import Any

import torch

_PLAIN = (bool, int, float, str, type(None))


class ScriptedState:
    """Attributes of one scripted, traced or loaded module: tensors, train/eval flag, counters, lists.

    Parameters
    ----------
    module
        Whose attributes are kept, those of its children aside.
    """

    __slots__ = ("_before", "_module")

    def __init__(self, module: torch.jit.ScriptModule) -> None:
        self._module = module
        names = module._concrete_type.get_attributes()  # noqa: SLF001 - the only list of them
        self._before = {name: getattr(module, name) for name in names}

    @property
    def parts(self) -> list[Any]:
        """Values of the attributes, whose tensors have bytes to be kept, and the module's children."""
        return [*self._before.values(), *self._module.children()]

    def put_back(self) -> bool:
        """Set what changed; whether all is what it was, looked at afterwards."""
        for name, value in self._before.items():
            if not _is_same(getattr(self._module, name), value):
                setattr(self._module, name, value)
        return all(_is_same(getattr(self._module, name), value) for name, value in self._before.items())


def _is_same(now: Any, before: Any) -> bool:
    """Whether plain values are equal and tensors the very same; a container comes out as a new one each time."""
    if isinstance(before, (list, tuple)):
        return len(now) == len(before) and all(map(_is_same, now, before))
    if isinstance(before, dict):
        return list(now) == list(before) and all(map(_is_same, now.values(), before.values()))
    if isinstance(before, _PLAIN) or isinstance(now, _PLAIN):
        return repr(now) == repr(before)  # NaN equals itself
    # Objects of classes from C++ come out in a new wrapper each time and cannot be looked into.
    return now is before or not isinstance(before, torch.Tensor)
