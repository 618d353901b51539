"""How an output becomes a loss: one reading, as data that can be called, compared and described."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lr_magic.notebook.discovery.batch_items import Path, reach
from lr_magic.notebook.discovery.expressions import Expression
from lr_magic.notebook.discovery.loss_fits import Fit

if TYPE_CHECKING:
    import torch

LossFunction = Callable[[Any, Any], Any] | Expression


@dataclass(frozen=True)
class LossReading:
    """Which part of the output is compared with the target, by what, and after which reshapes.

    Attributes
    ----------
    name
        Words of the report: ``criterion``, ``cross entropy``, ``the model's own loss``.
    answer
        What a person types after ``--loss`` to have this reading.
    loss_fn
        ``(output, target) -> loss``; None for the model's own loss.
    pick
        Path of the part of the output that is taken; `SUM` adds up a dict of losses.
    fit
        Reshapes before the loss.
    is_mean
        True where the loss comes per sample and its mean is taken.
    guesses
        What was assumed, in words, one per line of the report.
    """

    name: str
    answer: str
    loss_fn: LossFunction | None = None
    pick: Path | str = ()
    fit: Fit = field(default_factory=Fit)
    is_mean: bool = False
    guesses: tuple[str, ...] = ()

    @property
    def function(self) -> object:
        """The person's own function or torch's, without what discovery knows about it."""
        candidate = getattr(self.loss_fn, "candidate", None)
        return self.loss_fn if candidate is None else candidate.value

    def prediction(self, output: Any) -> Any:
        """Take the part of the output that the reading is about."""
        if isinstance(self.pick, str):
            return sum(output.values())
        return reach(output, self.pick)

    def loss(self, output: object, target: object, batch: object) -> torch.Tensor:
        """Compute the loss of an output."""
        loss = self._raw_loss(output, target, batch)
        return loss.mean() if self.is_mean else loss  # type: ignore[no-any-return]

    def compared(self, prediction: torch.Tensor, target: object) -> Any:
        """Compare a part of the output with the target: one loss, or one per sample."""
        if self.loss_fn is None or isinstance(self.loss_fn, Expression):
            raise TypeError("only a loss function compares two things")
        return self.loss_fn(*self.fit.apply(prediction, target))

    def _raw_loss(self, output: object, target: object, batch: object) -> Any:
        if isinstance(self.loss_fn, Expression):
            return self.loss_fn(output, target, batch)
        prediction = self.prediction(output)
        return prediction if self.loss_fn is None else self.compared(prediction, target)
