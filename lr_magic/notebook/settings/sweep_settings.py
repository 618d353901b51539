"""Settings of a sweep from a magic's options: what was typed, else the configured default."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lr_magic.notebook.settings.values import real_number, whole_number
from lr_magic.training.sweeping.sweep_settings import SweepSettings

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Mapping


def sweep_settings(options: Namespace, defaults: Any, namespace: Mapping[str, Any]) -> SweepSettings:
    """Settings from the options of a magic; `defaults` (the magics' traits) has one attribute for each left out.

    Raises
    ------
    SettingError
        For the first value out of its range.
    """

    def number(name: str, kind: Any = real_number) -> Any:
        text = getattr(options, name)
        option = "--" + name.replace("_", "-")
        return getattr(defaults, name) if text is None else kind(text, namespace, option)

    return SweepSettings(
        start_lr=number("start_lr"),
        end_lr=number("end_lr"),
        num_steps=number("num_steps", whole_number),
        batches_per_lr=number("batches_per_lr", whole_number),
        linear=options.linear,
        divergence_factor=number("divergence_factor"),
        stop_when_diverged=not options.no_stop,
        seconds=None if options.seconds is None else real_number(options.seconds, namespace, "--seconds"),
    )
