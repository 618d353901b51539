"""What a training would do, without doing it: rates and momenta per group, number of steps, time."""

from __future__ import annotations

from dataclasses import dataclass

from lr_magic.pure.counted import counted
from lr_magic.pure.picture.lr_text import lr_text


@dataclass(frozen=True)
class GroupPreview:
    """Planned rates and momenta of one param group; momenta are None where none is cycled."""

    label: str
    initial_lr: float
    max_lr: float
    final_lr: float
    momenta: tuple[float, float] | None = None


@dataclass(frozen=True)
class FitPreview:
    """A training before it begins.

    Attributes
    ----------
    groups
        One row per param group, stem to head.
    total_steps, num_epochs
        Length; epochs are None where the training is counted in steps.
    warm_up_steps
        Steps up to the peak.
    seconds_per_step
        Measured on a few steps that were put back.
    seconds
        Estimated duration, validation included.
    """

    groups: tuple[GroupPreview, ...]
    total_steps: int
    num_epochs: int | None
    warm_up_steps: int
    seconds_per_step: float
    seconds: float

    def rows(self) -> list[list[str]]:
        """Header and one row per group, as text."""
        header = ["group", "initial lr", "peak lr", "final lr", "momentum"]
        return [header, *(_row(group) for group in self.groups)]

    def __str__(self) -> str:
        rows = self.rows()
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
        epochs = "" if self.num_epochs is None else f"{counted(self.num_epochs, 'epoch')}, "
        length = f"{epochs}{counted(self.total_steps, 'step')}, the peak at step {self.warm_up_steps}"
        time = f"about {_duration(self.seconds)}, {1000 * self.seconds_per_step:.3g} ms per step"
        return "\n".join([*lines, f"{length}; {time}"])


def _row(group: GroupPreview) -> list[str]:
    rates = [lr_text(lr) for lr in (group.initial_lr, group.max_lr, group.final_lr)]
    momentum = "" if group.momenta is None else "{1:g} → {0:g} → {1:g}".format(*group.momenta)
    return [group.label, *rates, momentum]


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.2g} s"
    return f"{seconds / 60:.3g} min" if seconds < 7200 else f"{seconds / 3600:.3g} h"
