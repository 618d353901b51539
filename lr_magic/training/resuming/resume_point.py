"""Where a training stands between two steps, so that it can go on there: in this kernel or in another one."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

from lr_magic.training.batches import EndOfBatches
from lr_magic.training.restoring.accelerator_random import kinds_in_use
from lr_magic.training.restoring.loader_state import OrderState
from lr_magic.training.restoring.saved_random import Content, host_content, random_content, set_random, step_content
from lr_magic.training.resuming.host_draws import HostDraws

if TYPE_CHECKING:
    import weakref

    from torch import nn

    from lr_magic.training.batches import BatchSource
    from lr_magic.training.epoch_metrics import EpochMeans


_IN_MEMORY = ("model", "order_at_pass", "means")


@dataclass
class ResumePoint:
    """Everything about a training that is neither in its model nor in its optimizer nor in its settings.

    Attributes
    ----------
    num_made
        Optimizer steps made.
    num_epochs
        Epochs finished.
    num_batches
        Batches that the steps of the pass under way have used up.
    has_pass_ended
        Whether the last step found the end of the pass (it had fewer batches to accumulate), so that the epoch is over.
    samples, losses
        Of these steps: number of samples and loss of each.
    seconds
        Duration of the epoch so far.
    random_at_pass
        Random state when the pass began, so that it has the same order again.
    random_now
        Random state after the last whole step; without what going through the pass again gives by itself.
    scaler
        State of the gradient scaler, if there is one.
    counts
        What the optimizer keeps in its param groups as they are during the training: see `counts_of`.
    model, order_at_pass, means
        The model that was trained, its loader's samplers when the pass began, and the metrics of the epoch so far; None
        from a file.
    """

    num_made: int
    num_epochs: int
    num_batches: int = 0
    has_pass_ended: bool = False
    samples: list[int] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    seconds: float = 0.0
    random_at_pass: Content | None = None
    random_now: Content | None = None
    scaler: Content | None = None
    counts: list[Content] = field(default_factory=list)
    model: weakref.ref[nn.Module] | None = None
    order_at_pass: OrderState | None = None
    means: EpochMeans | None = None

    @property
    def is_alive(self) -> bool:
        """Whether the model that was trained still exists in this process."""
        return self.model is not None and self.model() is not None

    def is_of(self, model: nn.Module) -> bool:
        """Whether it is a point of this very model's training, or one from a file."""
        return self.model is None or self.model() is model

    def content(self) -> Content:
        """As plain content for a file."""
        return {each.name: getattr(self, each.name) for each in fields(self) if each.name not in _IN_MEMORY}

    @classmethod
    def from_content(cls, content: Content) -> ResumePoint:
        """Read what `content` gave."""
        return cls(**content)


class PassMarks:
    """Remembers the random state where a pass over the loader began, and after its last whole step.

    Parameters
    ----------
    loader
        The training loader.
    source
        Draws its batches.
    """

    def __init__(self, loader: Any, source: BatchSource) -> None:
        self._loader = loader
        self._source = source
        self._at_pass: Content | None = None
        self._order_at_pass: OrderState | None = None
        self._after_step: Content | None = None
        self._accelerators = kinds_in_use()
        self._before_step: Content | None = None
        self._draws = HostDraws()
        self._num_batches = 0
        self.has_pass_ended = False

    def next_batch(self) -> Any:
        """Next batch of the pass, and notice where it ends."""
        if self._draws.is_watching:
            self._draws.end_work()
        try:
            batch = self._source.next_in_pass()
        except EndOfBatches:
            self.has_pass_ended = True
            raise
        if self._draws.is_watching:
            self._draws.begin_work()
        return batch

    def go_to(self, point: ResumePoint) -> None:
        """Bring loader and random numbers to where a training was left."""
        if point.random_now is None:
            return
        # A one-shot iterator is where it was left; nothing can be drawn from it again.
        is_one_shot = self._is_one_shot()
        if point.order_at_pass is not None and not is_one_shot:
            point.order_at_pass.put_back()
        if point.num_batches and point.random_at_pass is not None:
            set_random(point.random_at_pass, self._loader)
            self._source.skip(0 if is_one_shot else point.num_batches)
            self._at_pass, self._order_at_pass = point.random_at_pass, point.order_at_pass
        if point.has_pass_ended:
            with suppress(EndOfBatches):  # its samplers draw random numbers there, too
                self.next_batch()
        set_random(point.random_now, self._loader)
        self._num_batches = point.num_batches

    def begin_step(self) -> None:
        """Mark the point before a step: of the random numbers only those that the step itself draws are read."""
        if self._num_batches == 0:
            self._at_pass, self._order_at_pass = random_content(self._loader), OrderState(self._loader)
        # A microsecond. Assigned as a whole: an interrupt may come at any time.
        before_step = step_content(self._accelerators)
        if self._draws.may_be_made:
            self._mark_host_draws(before_step)
        self._before_step = before_step

    def end_step(self) -> None:
        """Mark the point after a whole step."""
        self._before_step = None
        self._num_batches = self._source.num_in_pass
        if not self._draws.is_settled:
            self._draws.end_step()

    def _mark_host_draws(self, before_step: Content) -> None:
        if self._num_batches == 0 and self._at_pass is not None:
            host = self._at_pass
        else:
            host = host_content()
            before_step |= host
        if not (self._draws.is_settled or self._draws.is_watching):
            self._draws.begin_first_step(host)

    def begin_validation(self) -> None:
        """Mark the point before validation, whose loader may draw random numbers."""
        self._before_step = None
        self._after_step = random_content(self._loader)

    def end_pass(self) -> None:
        """Mark the end of a pass."""
        self._after_step = self._before_step = None
        self._num_batches = 0
        self.has_pass_ended = False

    def fill(self, point: ResumePoint) -> None:
        """Write into a point where the last whole step ended."""
        point.num_batches = self._num_batches
        # An end found by a step that is not whole is found again.
        point.has_pass_ended = self.has_pass_ended and self._before_step is None
        point.random_at_pass = self._at_pass
        if self._num_batches > 0:
            point.order_at_pass = self._order_at_pass
        if self._num_batches == 0 and self._before_step is not None and self._at_pass is not None:
            # the pass has begun, but none of its steps is whole
            point.random_now, point.order_at_pass = self._at_pass, self._order_at_pass
        elif self._after_step is not None:
            point.random_now = self._after_step
        elif self._before_step is None:
            point.random_now = random_content(self._loader)
        else:
            # The loader has gone on meanwhile, maybe to the middle of a batch. Going through the pass again brings all
            # that it draws from to where the step began.
            left = random_content(self._loader) if self._is_one_shot() else {}
            point.random_now = {**left, **self._before_step}

    def _is_one_shot(self) -> bool:
        return hasattr(self._loader, "__next__") and iter(self._loader) is self._loader
