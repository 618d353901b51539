"""What short trial trainings at several rates said, and the rate that follows for the whole training."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from lr_magic.pure.counted import counted
from lr_magic.pure.curve_reading.optimizer_kind import LENGTH_EXPONENTS, OptimizerKind
from lr_magic.pure.picture.lr_text import lr_text
from lr_magic.pure.picture.static_comparison import plot_comparison
from lr_magic.pure.results.stop_reason import StopReason

if TYPE_CHECKING:
    from matplotlib.figure import Figure


_BLOWN_UP = (StopReason.DIVERGED, StopReason.NON_FINITE)


@dataclass(frozen=True)
class Trial:
    """One short training.

    Attributes
    ----------
    lr
        Its peak rate.
    losses
        Raw training losses, one per step.
    final_loss
        What it is judged by, lower is better: the validation loss where there are validation data, else the mean
        training loss of the last tenth; infinity if it diverged.
    stop_reason
        COMPLETED, or why it was dropped early.
    """

    lr: float
    losses: tuple[float, ...]
    final_loss: float
    stop_reason: StopReason


@dataclass(frozen=True)
class ComparisonResult:
    """The trials of one comparison.

    Attributes
    ----------
    trials
        In the order in which they ran.
    steps
        Length of each trial in optimizer steps.
    training_steps
        Length of the training that the answer is for; None if unknown, then that of a trial counts.
    is_validated
        Whether the trials were judged on validation data.
    stop_reason
        Why the comparison ended; None while it runs.
    receipt
        What was put back, in words.
    optimizer_kind
        What was trained with; None where it is of another kind or not known.
    """

    trials: tuple[Trial, ...]
    steps: int
    training_steps: int | None = None
    is_validated: bool = True
    stop_reason: StopReason | None = None
    receipt: str = ""
    optimizer_kind: OptimizerKind | None = None

    @property
    def winner(self) -> Trial | None:
        """The trial with the lowest final loss; None if all diverged, or none came to its end."""
        finished = [trial for trial in self.trials if math.isfinite(trial.final_loss)]
        return min(finished, key=lambda trial: trial.final_loss, default=None)

    @property
    def lr(self) -> float | None:
        """Peak rate for the whole training, or None.

        The lowest point of a parabola through the winner and its neighbours, lowered for the length: a training longer
        than a trial wants a lower rate, how much lower depends on the optimizer (`LENGTH_EXPONENTS`).
        """
        if self.winner is None:
            return None
        longer = (self.training_steps or self.steps) / self.steps
        return float(10 ** lowest_of_parabola(self.trials) * longer ** LENGTH_EXPONENTS[self.optimizer_kind])

    @property
    def sentence(self) -> str:
        """The outcome in one sentence."""
        winner, lr = self.winner, self.lr
        if winner is None or lr is None:
            return self._without_winner()
        others = ", ".join(lr_text(trial.lr) for trial in self.trials if trial is not winner)
        judged = "validation loss" if self.is_validated else "training loss, which favours high rates"
        against = f" against {others}" if others else ""
        return (
            f"{lr_text(winner.lr)} wins{against} (by {judged} after {counted(self.steps, 'step')}); "
            f"for a training of {counted(self.training_steps or self.steps, 'step')} take {lr_text(lr)}."
        )

    def _without_winner(self) -> str:
        if all(trial.stop_reason in _BLOWN_UP for trial in self.trials) and self.trials:
            return "Every rate diverged: try lower ones."
        reason = self.trials[-1].stop_reason if self.trials else self.stop_reason
        return "No trial came to its end" + (f": {reason.sentence}." if reason else " yet.")

    def plot(self) -> Figure:
        """Draw the trials as a static matplotlib figure."""
        return plot_comparison(self)

    def to_json(self) -> str:
        """Everything, as JSON; `from_json` reads it back."""
        return json.dumps(_plain(asdict(self)), allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> ComparisonResult:
        """Read what `to_json` wrote."""
        content = json.loads(text)
        reason, kind = content.pop("stop_reason"), content.pop("optimizer_kind", None)
        trials = tuple(
            Trial(
                lr=trial["lr"],
                losses=tuple(float(loss) for loss in trial["losses"]),
                final_loss=float(trial["final_loss"]),
                stop_reason=StopReason(trial["stop_reason"]),
            )
            for trial in content.pop("trials")
        )
        return cls(
            trials=trials,
            stop_reason=StopReason(reason) if reason else None,
            optimizer_kind=OptimizerKind(kind) if kind else None,
            **content,
        )

    def __repr__(self) -> str:
        """One line: the trials and the answer."""
        rates = ", ".join(lr_text(trial.lr) for trial in self.trials)
        return f"ComparisonResult({rates} -> {'none' if self.lr is None else lr_text(self.lr)})"


def next_lr(trials: tuple[Trial, ...], step: float) -> float:
    """Next rate to try around the best one so far: first a step up, then beyond the better end, or between.

    Parameters
    ----------
    trials
        At least one.
    step
        Ratio between neighbouring rates, > 1.

    Examples
    --------
    >>> first = Trial(0.1, (), 1.0, StopReason.COMPLETED)
    >>> next_lr((first,), 2.0)
    0.2
    >>> round(next_lr((first, Trial(0.2, (), 2.0, StopReason.COMPLETED)), 2.0), 6)
    0.05
    """
    ordered = sorted(trials, key=lambda trial: trial.lr)
    best = min(range(len(ordered)), key=lambda i: ordered[i].final_loss)
    if best == len(ordered) - 1 and math.isfinite(ordered[best].final_loss):
        return ordered[best].lr * step
    if best == 0:
        return ordered[0].lr / step
    below, above = ordered[best - 1], ordered[best + 1]
    neighbour = below if below.final_loss < above.final_loss else above
    return math.sqrt(ordered[best].lr * neighbour.lr)


def lowest_of_parabola(trials: tuple[Trial, ...]) -> float:
    """Log10 of the rate where a parabola through the best trial and its two neighbours is lowest.

    Through log loss over log rate where all losses are positive. The answer stays within half the way to either
    neighbour; at an end of the rates, or with a neighbour that diverged, it is the best trial's own rate.
    """
    ordered = sorted(trials, key=lambda trial: trial.lr)
    best = min(range(len(ordered)), key=lambda i: ordered[i].final_loss)
    at = math.log10(ordered[best].lr)
    if not 0 < best < len(ordered) - 1:
        return at
    three = ordered[best - 1 : best + 2]
    if not all(math.isfinite(trial.final_loss) for trial in three):
        return at
    below, above = at - math.log10(three[0].lr), math.log10(three[2].lr) - at
    first, middle, last = _heights([trial.final_loss for trial in three])
    slope_before, slope_after = (middle - first) / below, (last - middle) / above
    if not slope_after > slope_before:
        return at
    shift = -0.5 * (slope_before * above + slope_after * below) / (slope_after - slope_before)
    return at + min(max(shift, -0.5 * below), 0.5 * above)


def _heights(losses: list[float]) -> list[float]:
    return [math.log(loss) for loss in losses] if min(losses) > 0 else losses


def _plain(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value
