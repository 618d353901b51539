"""What a training does besides following its cycle: weight decay, checkpoint, best weights, going back, going on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lr_magic.notebook.settings.values import real_number
from lr_magic.pure.errors import SettingError
from lr_magic.pure.results.fit_history import FitHistory
from lr_magic.pure.results.stop_reason import StopReason
from lr_magic.training.resuming.checkpoint import read_checkpoint
from lr_magic.training.resuming.saved_training import history_of

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Mapping


@dataclass(frozen=True)
class SessionSettings:
    """Keyword arguments of `fit_one_cycle` that do not shape the cycle."""

    weight_decay: float | None = None
    roll_back: bool | None = None
    restore_best: bool = False
    checkpoint: str | None = None

    def loop_arguments(self) -> dict[str, Any]:
        """The keyword arguments for the loop."""
        return dict(vars(self))


def session_settings(options: Namespace, namespace: Mapping[str, Any]) -> SessionSettings:
    """Read the options of a magic."""
    decay = options.weight_decay
    return SessionSettings(
        weight_decay=None if decay is None else real_number(decay, namespace, "--weight-decay"),
        roll_back=True if options.roll_back else None,
        restore_best=options.restore_best,
        checkpoint=options.checkpoint,
    )


def history_before(resume: FitHistory | str) -> FitHistory:
    """What the training that goes on has done until now."""
    return resume if isinstance(resume, FitHistory) else history_of(read_checkpoint(resume))


def training_to_resume(options: Namespace, namespace: Mapping[str, Any]) -> FitHistory | str:
    """What ``--resume`` goes on with: this kernel's last training where it can, else the checkpoint.

    Raises
    ------
    SettingError
        If there is neither, or what was typed contradicts going on.
    """
    for name in ("epochs", "steps", "max_lr"):
        if getattr(options, name) is not None:
            raise SettingError(f"--resume keeps the length and the rates of that training; leave {name} out.")
    history = namespace.get("fit_history")
    if isinstance(history, FitHistory) and history.resume_point is not None and history.resume_point.is_alive:
        return history
    if options.checkpoint is not None and Path(options.checkpoint).exists():
        return str(options.checkpoint)
    if isinstance(history, FitHistory) and options.checkpoint is None:
        raise SettingError(f"There is nothing to resume: {_why_not(history)}. A new one: %fit_one_cycle")
    way_out = "" if options.checkpoint else " From a file: --resume --checkpoint PATH"
    raise SettingError(f"There is no training to resume in this kernel.{way_out}")


def _why_not(history: FitHistory) -> str:
    if history.stop_reason is StopReason.COMPLETED:
        return "the last training ran to its end"
    if history.resume_point is None:
        return "the last training was ended before its first step"
    return "the model of the last training is gone"
