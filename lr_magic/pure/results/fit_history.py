"""What a one-cycle training did, step by step and epoch by epoch."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

from lr_magic.pure.counted import counted
from lr_magic.pure.picture.static_fit import plot_fit, plot_schedule
from lr_magic.pure.results.finding import Finding
from lr_magic.pure.results.fit_event import EventKind, FitEvent
from lr_magic.pure.results.records import EpochRecord, StepRecord
from lr_magic.pure.results.stop_reason import StopReason

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from matplotlib.figure import Figure


@dataclass
class FitHistory:
    """Records of one training.

    Attributes
    ----------
    steps, epochs
        One record per optimizer step and per epoch.
    events
        What was done on the way: annealed, extended, rolled back, …
    stop_reason
        Why the training ended; None while it runs.
    stop_detail
        What the person's own code raised, where that ended it.
    planned_steps
        Length of the schedule in optimizer steps.
    setup
        What was trained: findings, one per line of the report.
    settings
        The training's settings, plain values.
    resume_point
        Where the training can go on, while it has not run to its end; not part of the JSON.
    """

    steps: list[StepRecord] = field(default_factory=list)
    epochs: list[EpochRecord] = field(default_factory=list)
    stop_reason: StopReason | None = None
    stop_detail: str = ""
    planned_steps: int | None = None
    setup: tuple[Finding, ...] = ()
    settings: dict[str, Any] = field(default_factory=dict)
    events: list[FitEvent] = field(default_factory=list)
    resume_point: Any = field(default=None, repr=False, compare=False)

    @property
    def best_epoch(self) -> EpochRecord | None:
        """The epoch with the lowest validation loss (training loss where there is no validation)."""
        return best_of(self.epochs)

    def plot(self) -> Figure:
        """Draw loss and learning rate as a static matplotlib figure."""
        return plot_fit(self)

    def plot_schedule(self) -> Figure:
        """Draw learning rate and momentum of each step as a static matplotlib figure."""
        return plot_schedule(self)

    def to_frame(self) -> pd.DataFrame:
        """Table with one row per epoch: train_loss, valid_loss, every metric, seconds (needs pandas)."""
        import pandas as pd  # noqa: PLC0415 - optional, and slow to import

        rows = [{**asdict(epoch), **epoch.metrics} for epoch in self.epochs]
        return pd.DataFrame(rows).drop(columns="metrics", errors="ignore")

    def to_json(self) -> str:
        """All records as JSON; `from_json` reads them back."""
        content = asdict(replace(self, resume_point=None))
        del content["resume_point"]
        return json.dumps({**content, "stop_reason": self.stop_reason.value if self.stop_reason else None})

    @classmethod
    def from_json(cls, text: str) -> FitHistory:
        """Read what `to_json` wrote."""
        content = json.loads(text)
        reason = content.pop("stop_reason")
        return cls(
            steps=[StepRecord(**step) for step in content.pop("steps")],
            epochs=[EpochRecord(**epoch) for epoch in content.pop("epochs")],
            events=[FitEvent(**{**event, "kind": EventKind(event["kind"])}) for event in content.pop("events", [])],
            setup=tuple(Finding(**finding) for finding in content.pop("setup")),
            stop_reason=StopReason(reason) if reason else None,
            **content,
        )

    def __repr__(self) -> str:
        """One line: length, last losses, how it ended."""
        ended = "running" if self.stop_reason is None else self.stop_reason.sentence
        last = f", train_loss={self.epochs[-1].train_loss:.4g}" if self.epochs else ""
        length = f"{counted(len(self.epochs), 'epoch')}, {counted(len(self.steps), 'step')}"
        return f"FitHistory({length}{last}, {ended})"


def best_of(epochs: Sequence[EpochRecord]) -> EpochRecord | None:
    """The epoch with the lowest validation loss (training loss where there is no validation); None of none."""
    return min(epochs, key=lambda e: e.train_loss if e.valid_loss is None else e.valid_loss, default=None)
