"""How a batch is fed to a model: one reading, as data that can be called, compared and described."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from lr_magic.notebook.discovery.batch_items import Path, reach, spelled

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import nn

RESHAPES: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "": lambda x: x,
    "flattened": lambda x: x.flatten(1),
    "squeezed": lambda x: x.squeeze(1),
    "unsqueezed": lambda x: x.unsqueeze(-1),
    "as one channel": lambda x: x.unsqueeze(1),
}
"""What a hand-written loop does to an input that the model does not take as it is, by the word for it."""


@dataclass(frozen=True)
class InputReading:
    """Which parts of a batch go where.

    Attributes
    ----------
    args
        Paths of the positional arguments.
    kwargs
        Parameter and path of each keyword argument.
    target
        Path of what the output is compared with; None where forward takes everything.
    unused
        Paths of tensors that no one uses.
    reshape
        Key of `RESHAPES`, applied to the first argument.
    as_mapping
        True to call ``model(**batch)``.
    """

    args: tuple[Path, ...] = ()
    kwargs: tuple[tuple[str, Path], ...] = ()
    target: Path | None = None
    unused: tuple[Path, ...] = ()
    reshape: str = ""

    def feed(self, model: nn.Module, batch: object) -> Any:
        """Run the model on a batch."""
        args = [_like_model(reach(batch, path), model) for path in self.args]
        kwargs = {name: _like_model(reach(batch, path), model) for name, path in self.kwargs}
        if self.reshape:
            args[0] = RESHAPES[self.reshape](args[0])
        return model(*args, **kwargs)

    def target_of(self, batch: object) -> Any:
        """Return what the output is compared with."""
        return None if self.target is None else reach(batch, self.target)

    def spelled(self, model: str, batch: object) -> str:
        """Write the call as the person would."""
        parts = [spelled(path, batch) for path in self.args]
        if self.reshape:
            parts[0] += f" ({self.reshape})"
        parts += [f"{name}={spelled(path, batch)}" for name, path in self.kwargs]
        return f"{model}({', '.join(parts)})"


def _like_model(value: Any, model: nn.Module) -> Any:
    """Cast floats to the model's floats, as every hand-written loop does; whole numbers stay what they are."""
    if not isinstance(value, torch.Tensor) or not value.is_floating_point():
        return value
    dtype = next((p.dtype for p in model.parameters() if p.is_floating_point()), value.dtype)
    return value.to(dtype)
