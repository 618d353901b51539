"""What was put back, in words, after it was looked at again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from lr_magic.pure.counted import counted


@dataclass
class RestoreReceipt:
    """What was put back, checked after it was done.

    Attributes
    ----------
    num_tensors
        Parameters, buffers and tensors of the optimizers' state whose bytes were kept, put back and compared.
    parts
        What else was put back, in words.
    not_back
        What is not as it was, in words; empty if all went well.
    note
        Where the copies were kept, if not beside the originals, and what no one could put back.
    is_done
        False while the run goes on.
    """

    num_tensors: int = 0
    parts: tuple[str, ...] = ()
    not_back: tuple[str, ...] = ()
    note: str = ""
    is_done: bool = False

    def __str__(self) -> str:
        if not self.is_done:
            return "not restored yet"
        text = "restored: " + ", ".join((counted(self.num_tensors, "tensor"), *self.parts))
        if self.not_back:
            text += "; NOT as before: " + ", ".join(self.not_back)
        return text + (f" ({self.note})" if self.note else "")


def parts_of(training: list[Any]) -> tuple[str, ...]:
    """What else than tensors belongs to models, optimizers and scalers that are put back, in words."""
    has_optimizer = any(isinstance(part, torch.optim.Optimizer) for part in training)
    has_scaler = any(isinstance(part, torch.amp.GradScaler) for part in training)
    return (*(["optimizer state"] if has_optimizer else []), *(["scaler"] if has_scaler else []), "RNG")
