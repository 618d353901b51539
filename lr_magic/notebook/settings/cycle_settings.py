"""Settings of a one-cycle training: what was typed, else the configured default; the peak, else what was chosen."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

from lr_magic.notebook.settings.session_settings import SessionSettings, session_settings
from lr_magic.notebook.settings.values import evaluate, real_number, whole_number
from lr_magic.pure.counted import counted
from lr_magic.pure.errors import SettingError
from lr_magic.pure.picture.lr_text import lr_text
from lr_magic.pure.results.finding import Finding
from lr_magic.pure.results.range_test_result import RangeTestResult
from lr_magic.pure.schedules import OneCycle

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Mapping

    from lr_magic.notebook.trainings import Training

_RANGE = re.compile(r"^([^:\[\](){}]+):([^:\[\](){}]+)$")


@dataclass(frozen=True)
class CycleSettings:
    """The keyword arguments of `fit_one_cycle`, and where the peak comes from, in words."""

    epochs: int | None
    steps: int | None
    max_lr: Any
    highest_lr: float
    pct_start: float
    div_factor: float
    final_div_factor: float
    base_momentum: float
    max_momentum: float
    origin_of_max_lr: str
    session: SessionSettings = field(default_factory=SessionSettings)

    def shape(self) -> dict[str, float]:
        """What shapes the cycle besides its peak and its length."""
        names = ("pct_start", "div_factor", "final_div_factor", "base_momentum", "max_momentum")
        return {name: getattr(self, name) for name in names}

    @property
    def finding(self) -> Finding:
        """The peak and where it comes from, as a line of the report."""
        return Finding("peak lr", self._peak_text(), self.origin_of_max_lr)

    def _peak_text(self) -> str:
        highest = lr_text(self.highest_lr, digits=3)
        if isinstance(self.max_lr, slice) and self.max_lr.start is not None:
            return f"{lr_text(float(self.max_lr.start), digits=3)} to {highest}"
        return highest

    def schedule(self, total_steps: int) -> OneCycle:
        """Schedule of the param group with the highest peak."""
        return OneCycle(
            self.highest_lr, total_steps, self.pct_start, self.div_factor, self.final_div_factor,
            self.base_momentum, self.max_momentum,
        )  # fmt: skip


def cycle_settings(
    options: Namespace,
    defaults: Any,
    namespace: Mapping[str, Any],
    training: Training,
) -> CycleSettings:
    """Settings from the options of a magic; `defaults` has one attribute for each that was left out.

    `training` knows how many optimizer steps some epochs are, which a suggested peak depends on, and the peak of each
    param group for what was typed as the peak; it refuses what fits none.

    Raises
    ------
    SettingError
        For the first value out of its range, and where no peak learning rate is known.
    """

    def number(name: str) -> float:
        text = getattr(options, name)
        option = "--" + name.replace("_", "-")
        return float(getattr(defaults, name)) if text is None else real_number(text, namespace, option)

    epochs = _epochs(options, defaults, namespace)
    steps = None if options.steps is None else whole_number(options.steps, namespace, "--steps")
    _check_length(epochs, steps)
    total_steps = training.steps_of(epochs) if epochs is not None else steps
    max_lr, origin = _max_lr(options.max_lr, namespace, total_steps)
    settings = CycleSettings(
        epochs=epochs,
        steps=steps,
        max_lr=max_lr,
        highest_lr=max(training.peaks(max_lr)),
        pct_start=number("pct_start"),
        div_factor=number("div_factor"),
        final_div_factor=number("final_div_factor"),
        base_momentum=number("base_momentum"),
        max_momentum=number("max_momentum"),
        origin_of_max_lr=origin,
        session=session_settings(options, namespace),
    )
    settings.schedule(total_steps=1)  # refuses what is out of its range
    return settings


def resumed_settings(settings: Mapping[str, Any], session: SessionSettings) -> CycleSettings:
    """Settings of a training that goes on: those it had."""
    names = [each.name for each in fields(CycleSettings) if each.name in settings]
    kept = {name: settings[name] for name in names}
    highest = max(kept["max_lr"]) if isinstance(kept["max_lr"], list) else kept["max_lr"]
    return CycleSettings(**kept, highest_lr=highest, origin_of_max_lr="the training that goes on", session=session)


def _epochs(options: Namespace, defaults: Any, namespace: Mapping[str, Any]) -> int | None:
    if options.steps is not None:
        return None
    return int(defaults.epochs) if options.epochs is None else whole_number(options.epochs, namespace, "EPOCHS")


def _check_length(epochs: int | None, steps: int | None) -> None:
    if steps is not None and steps < 1:
        raise SettingError(f"--steps must be at least 1; got {steps}.")
    if epochs is not None and epochs < 1:
        raise SettingError(f"EPOCHS must be at least 1; got {epochs}.")


def _max_lr(text: str | None, namespace: Mapping[str, Any], total_steps: int | None) -> tuple[object, str]:
    if text is not None:
        return _parsed(text, namespace), "--max-lr"
    found = namespace.get("lr_found")
    if isinstance(found, RangeTestResult) and found.choice_origin is not None:
        return found.lr if found.lr_range is None else slice(*found.lr_range), found.choice_origin.value
    if isinstance(found, RangeTestResult) and found.proposed_range is not None:
        return slice(*found.proposed_range), "proposed by %lr_find for the unfrozen model"
    if isinstance(found, RangeTestResult) and found.suggestion is not None:
        return _suggested(found, total_steps)
    reason = "%lr_find has no suggestion, nothing is chosen" if isinstance(found, RangeTestResult) else "nothing found"
    raise SettingError(f"Which peak learning rate? ({reason}) Run %lr_find first, or give one: --max-lr 1e-2")


def _suggested(found: RangeTestResult, total_steps: int | None) -> tuple[float | None, str]:
    """The curve's answer for a training of this length, which need not be the one that `found.suggestion` is for."""
    if total_steps is None:
        return found.suggestion, "suggested by %lr_find"
    return found.suggestion_for(total_steps), f"suggested by %lr_find, for a training of {counted(total_steps, 'step')}"


def _parsed(text: str, namespace: Mapping[str, Any]) -> object:
    both = _RANGE.match(text)
    if both is not None:
        return slice(*(real_number(end, namespace, "--max-lr") for end in both.groups()))
    if ":" in text and not set(text) & set("[](){}"):
        raise SettingError(f"--max-lr {text}: a range is LOW:HIGH, for example 1e-6:1e-4.")
    return evaluate(text, namespace, "--max-lr")
