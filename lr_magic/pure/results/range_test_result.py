"""What a range test measured, what the curve says, and the learning rate that was chosen."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from lr_magic.pure.counted import counted
from lr_magic.pure.curve_reading.optimizer_kind import OptimizerKind
from lr_magic.pure.curve_reading.reading import Reading, read_curve
from lr_magic.pure.curve_reading.smoothing import smooth
from lr_magic.pure.curve_reading.suggestion import Suggestion, suggest, suggest_all
from lr_magic.pure.cycle.unfrozen_range import range_sentence, unfrozen_range, worse_from
from lr_magic.pure.errors import NoSuggestionError, SettingError
from lr_magic.pure.picture.lr_text import lr_text
from lr_magic.pure.picture.static_range_test import plot_range_test
from lr_magic.pure.results.choice_origin import ChoiceOrigin
from lr_magic.pure.results.finding import Finding
from lr_magic.pure.results.sharpness import Sharpness
from lr_magic.pure.results.stop_reason import StopReason

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from matplotlib.figure import Figure

PLANNED_EPOCHS = 5
"""Length of the training that a suggestion is meant for, and that the command below a plot names."""


@dataclass
class RangeTestResult:
    """The curve of one range test and the choice made on it.

    Attributes
    ----------
    lrs, losses
        (n,) float64: learning rate (the highest param group's) and raw loss of each step that was seen.
    stop_reason
        Why the sweep ended; None while it runs.
    stop_detail
        What the person's own code raised, where that ended it.
    setup
        What was trained: findings, one per line of the report.
    training_steps
        Planned length of the training that the suggestion is for, in optimizer steps; None if unknown.
    settings
        The sweep's settings, plain values.
    receipt
        What was put back afterwards, in words.
    first_stage_lr
        Peak rate that the head was trained with before the layers of this model were unfrozen; None otherwise.
    wider_suggestion
        Suggestion of the sweep that this one is a finer look into; taken over where this curve carries no answer.
    optimizer_kind
        What was swept; None where it is of another kind or not known.
    sharpness
        Largest curvature before the sweep, and the rate that it allows; None where it was not measured.
    """

    lrs: np.ndarray
    losses: np.ndarray
    stop_reason: StopReason | None = None
    stop_detail: str = ""
    setup: tuple[Finding, ...] = ()
    training_steps: int | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    receipt: str = ""
    first_stage_lr: float | None = None
    wider_suggestion: float | None = None
    optimizer_kind: OptimizerKind | None = None
    sharpness: Sharpness | None = None
    _chosen_lr: float | None = field(default=None, repr=False)
    _lr_range: tuple[float, float] | None = field(default=None, repr=False)
    _origin: ChoiceOrigin = field(default=ChoiceOrigin.CODE, repr=False)

    def __post_init__(self) -> None:
        self.lrs = np.asarray(self.lrs, dtype=np.float64)
        self.losses = np.asarray(self.losses, dtype=np.float64)
        if self.lrs.shape != self.losses.shape or self.lrs.ndim != 1:
            raise SettingError(f"lrs and losses must be of one length; got {self.lrs.shape} and {self.losses.shape}.")

    @cached_property
    def smoothed_losses(self) -> np.ndarray:
        """(n,) float64: the losses, smoothed without lag."""
        return smooth(self.losses)

    @cached_property
    def _suggestion_or_reason(self) -> Suggestion | str:
        try:
            return self._suggest(self.training_steps)
        except NoSuggestionError as error:
            return str(error)

    def _suggest(self, training_steps: int | None) -> Suggestion:
        return suggest(self.lrs, self.losses, training_steps=training_steps, **self._swept)

    @property
    def _swept(self) -> dict[str, Any]:
        """What a rule must know of the sweep besides its points."""
        return {"optimizer": self.optimizer_kind, "batches_per_lr": self.settings.get("batches_per_lr", 1)}

    @property
    def suggestion(self) -> float | None:
        """Learning rate of the default rule; None if the curve carries no answer (`no_suggestion_reason` says why).

        A finer look into a wider sweep that carries none has that sweep's, `wider_suggestion`.
        """
        found = self._suggestion_or_reason
        return found.lr if isinstance(found, Suggestion) else self.wider_suggestion

    def suggestion_for(self, training_steps: int | None) -> float | None:
        """Learning rate of the default rule for a training of this many optimizer steps; None counts as 300.

        None if the curve carries no answer; `wider_suggestion` is not for another length.
        """
        has_own = isinstance(self._suggestion_or_reason, Suggestion)
        return self._suggest(training_steps).lr if has_own else self.wider_suggestion

    @property
    def suggested_point(self) -> tuple[float, float] | None:
        """The suggestion and the smoothed loss there; None without one, or where it lies outside the rates seen."""
        lr = self.suggestion
        return (lr, self.loss_at(lr)) if lr is not None and self.covers(lr) else None

    def covers(self, lr: float) -> bool:
        """Whether a rate lies within those that were swept."""
        return bool(len(self.lrs) and self.lrs[0] <= lr <= self.lrs[-1])

    @property
    def interval(self) -> tuple[float, float] | None:
        """The range in which the suggestion is uncertain: (low, high), or None."""
        found = self._suggestion_or_reason
        return found.interval if isinstance(found, Suggestion) else None

    @property
    def no_suggestion_reason(self) -> str:
        """Why the curve carries no suggestion; empty if it does."""
        found = self._suggestion_or_reason
        return found if isinstance(found, str) else ""

    @property
    def is_reason_read(self) -> bool:
        """Whether the reading begins with why there is no suggestion, so that it need not be said before it."""
        return self.reading.startswith(self.no_suggestion_reason)

    @cached_property
    def suggestions(self) -> dict[str, float]:
        """Rule to learning rate, for every rule that has an answer."""
        return suggest_all(self.lrs, self.losses, training_steps=self.training_steps, **self._swept)

    @property
    def other_suggestions(self) -> dict[str, float]:
        """Rule to learning rate, for the rules that suggest something else."""
        return {rule: lr for rule, lr in self.suggestions.items() if lr != self.suggestion}

    @cached_property
    def _reading(self) -> Reading:
        found = self._suggestion_or_reason
        suggestion = found if isinstance(found, Suggestion) else None
        return read_curve(self.lrs, self.losses, stop_reason=self.stop_reason, suggestion=suggestion)

    @property
    def sentences(self) -> tuple[str, ...]:
        """What the curve says, sentence by sentence."""
        sentences = self._reading.sentences
        if self.no_suggestion_reason and self.wider_suggestion is not None:
            sentences = (*sentences, f"The suggestion is that of the wider sweep: {lr_text(self.wider_suggestion)}.")
        if self.first_stage_lr is not None and self.proposed_range is not None:
            sentences = (*sentences, range_sentence(self.first_stage_lr, self.proposed_range))
        if self.sharpness is not None:
            sentences = (*sentences, self.sharpness.sentence)
        return sentences

    @property
    def reading(self) -> str:
        """What the curve says, in sentences."""
        return " ".join(self.sentences)

    @property
    def lr(self) -> float | None:
        """The choice: what was clicked or assigned, else the suggestion, else None."""
        return self._chosen_lr if self._chosen_lr is not None else self.suggestion

    @lr.setter
    def lr(self, value: float | None) -> None:
        if value is not None and not _is_rate(value):
            raise SettingError(f"lr must be a finite number above 0; got {value!r}. None goes back to the suggestion.")
        self._chosen_lr = None if value is None else float(value)
        self._lr_range = None
        self._origin = ChoiceOrigin.CODE

    @property
    def is_chosen(self) -> bool:
        """True once a rate or a range was clicked or assigned."""
        return self._chosen_lr is not None or self._lr_range is not None

    @property
    def proposed_range(self) -> tuple[float, float] | None:
        """Range for a model that was just unfrozen, see `unfrozen_range`; None for any other."""
        if self.first_stage_lr is None:
            return None
        return unfrozen_range(self.first_stage_lr, worse_from(self.lrs, self.losses))

    @property
    def lr_range(self) -> tuple[float, float] | None:
        """None, or (low, high): first layers at the low end, last layers at the high end."""
        return self._lr_range

    @lr_range.setter
    def lr_range(self, value: tuple[float, float] | None) -> None:
        if value is None:
            self._lr_range = None
            return
        try:
            low, high = value
        except (TypeError, ValueError):
            low = high = math.nan
        if not (_is_rate(low) and _is_rate(high) and low < high):
            raise SettingError(f"lr_range must be (low, high) with 0 < low < high; got {value!r}.")
        self._lr_range = (float(low), float(high))
        self._chosen_lr = float(high)
        self._origin = ChoiceOrigin.CODE

    def choose(self, choice: float | tuple[float, float] | None, origin: ChoiceOrigin) -> None:
        """Choose a rate or a range, as assigning `lr` or `lr_range` does, and say where; None: the suggestion again."""
        if isinstance(choice, tuple):
            self.lr_range = choice
        else:
            self.lr = choice
        self._origin = origin

    @property
    def choice_origin(self) -> ChoiceOrigin | None:
        """Where the choice was made; None where nothing is chosen."""
        return self._origin if self.is_chosen else None

    def loss_at(self, lr: float) -> float:
        """Smoothed loss of the curve at a learning rate, interpolated; NaN without a curve."""
        if not len(self.lrs):
            return float("nan")
        return float(np.interp(np.log(lr), np.log(self.lrs), self.smoothed_losses))

    @property
    def blow_up_lr(self) -> float | None:
        """Learning rate at which the loss blew up or stopped being a number; None where it did neither."""
        if self.stop_reason in (StopReason.DIVERGED, StopReason.NON_FINITE) and len(self.lrs):
            return float(self.lrs[-1])
        return None

    def plot(self, earlier: Sequence[tuple[str, RangeTestResult]] = ()) -> Figure:
        """Draw the curve as a static matplotlib figure, above those of earlier sweeps with their names."""
        return plot_range_test(self, earlier)

    def to_frame(self) -> pd.DataFrame:
        """Table with one row per step: lr, loss, smoothed_loss (needs pandas)."""
        import pandas as pd  # noqa: PLC0415 - optional, and slow to import

        return pd.DataFrame({"lr": self.lrs, "loss": self.losses, "smoothed_loss": self.smoothed_losses})

    def to_json(self) -> str:
        """Everything that was measured and chosen, as JSON; `from_json` reads it back."""
        content = {
            "lrs": self.lrs.tolist(),
            "losses": [float(loss) if np.isfinite(loss) else str(loss) for loss in self.losses],
            "stop_reason": self.stop_reason.value if self.stop_reason else None,
            "stop_detail": self.stop_detail,
            "setup": [asdict(finding) for finding in self.setup],
            "training_steps": self.training_steps,
            "settings": self.settings,
            "receipt": self.receipt,
            "first_stage_lr": self.first_stage_lr,
            "wider_suggestion": self.wider_suggestion,
            "optimizer_kind": self.optimizer_kind.value if self.optimizer_kind else None,
            "sharpness": asdict(self.sharpness) if self.sharpness else None,
            "chosen_lr": self._chosen_lr,
            "lr_range": self._lr_range,
            "choice_origin": self._origin.value,
        }
        return json.dumps(content, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> RangeTestResult:
        """Read what `to_json` wrote."""
        content = json.loads(text)
        lr_range, reason = content.pop("lr_range"), content.pop("stop_reason")
        origin = content.pop("choice_origin", ChoiceOrigin.CODE)
        kind, sharpness = content.pop("optimizer_kind", None), content.pop("sharpness", None)
        return cls(
            lrs=np.array(content.pop("lrs"), dtype=np.float64),
            losses=np.array([float(loss) for loss in content.pop("losses")], dtype=np.float64),
            stop_reason=StopReason(reason) if reason else None,
            optimizer_kind=OptimizerKind(kind) if kind else None,
            sharpness=Sharpness.of_plain(sharpness) if sharpness else None,
            setup=tuple(Finding(**finding) for finding in content.pop("setup")),
            _chosen_lr=content.pop("chosen_lr"),
            _lr_range=tuple(lr_range) if lr_range else None,
            _origin=ChoiceOrigin(origin),
            **content,
        )

    def __repr__(self) -> str:
        """One line: the choice, the suggestion, how the sweep ended."""
        lr = "no lr" if self.lr is None else f"lr={lr_text(self.lr)}" + ("" if self.is_chosen else " (suggested)")
        ended = "running" if self.stop_reason is None else self.stop_reason.sentence
        return f"RangeTestResult({lr}, {counted(len(self.lrs), 'step')}, {ended})"


def _is_rate(value: object) -> bool:
    """Whether a value is a number that a learning rate can be, of NumPy or torch, too; a text is none."""
    try:
        return not isinstance(value, (str, bytes)) and 0 < float(value) < math.inf  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return False
