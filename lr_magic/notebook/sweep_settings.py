"""Settings of a sweep: what was typed, else the configured default; checked before anything is touched."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lr_magic.notebook.values import real_number, whole_number
from lr_magic.pure.errors import SettingError
from lr_magic.pure.schedules import sweep_lrs

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Mapping


@dataclass(frozen=True)
class SweepSettings:
    """The keyword arguments of `range_test`."""

    start_lr: float
    end_lr: float
    num_steps: int
    batches_per_lr: int
    linear: bool
    divergence_factor: float
    stop_when_diverged: bool
    seconds: float | None


def sweep_settings(options: Namespace, defaults: Any, namespace: Mapping[str, Any]) -> SweepSettings:  # noqa: ANN401 - the magics' traits
    """Settings from the options of a magic; `defaults` has one attribute for each that was left out.

    Raises
    ------
    SettingError
        For the first value out of its range.
    """

    def number(name: str, kind: Any = real_number) -> Any:  # noqa: ANN401 - int or float, as the option has it
        text = getattr(options, name)
        option = "--" + name.replace("_", "-")
        return getattr(defaults, name) if text is None else kind(text, namespace, option)

    settings = SweepSettings(
        start_lr=number("start_lr"),
        end_lr=number("end_lr"),
        num_steps=number("num_steps", whole_number),
        batches_per_lr=number("batches_per_lr", whole_number),
        linear=options.linear,
        divergence_factor=number("divergence_factor"),
        stop_when_diverged=not options.no_stop,
        seconds=None if options.seconds is None else real_number(options.seconds, namespace, "--seconds"),
    )
    _check(settings)
    return settings


def _check(settings: SweepSettings) -> None:
    sweep_lrs(settings.start_lr, settings.end_lr, settings.num_steps, linear=settings.linear)
    if settings.batches_per_lr < 1:
        raise SettingError(f"--batches-per-lr must be at least 1; got {settings.batches_per_lr}.")
    if settings.seconds is not None and not settings.seconds > 0:
        raise SettingError(f"--seconds must be above 0; got {settings.seconds:g}.")
    if not settings.divergence_factor > 0:
        raise SettingError(f"--divergence-factor must be above 0; got {settings.divergence_factor:g}.")
