"""A person's own training run as it stands, its optimizer's steps intercepted: rates set before, losses read after."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Protocol

from torch.utils.data.dataloader import _BaseDataLoaderIter

from lr_magic.pure.errors import DiscoveryError
from lr_magic.pure.results.stop_reason import StopReason
from lr_magic.training.frozen_heap import frozen_heap
from lr_magic.training.intercepting.interception_hooks import method_wrapped, steps_told_to
from lr_magic.training.intercepting.interception_losses import LossLedger
from lr_magic.training.intercepting.interception_rates import has_gradients, shares_groups
from lr_magic.training.interrupts import InterruptGate

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch

    from lr_magic.training.intercepting.interception_backward import BackwardCall


class RunEnded(BaseException):
    """Ends a person's training where the run is over."""


class StepDriver(Protocol):
    """What is done at each step of the optimizer that is followed."""

    def begin(self, optimizer: Any) -> None:
        """Begin; called before the first step."""

    def before_step(self) -> bool:
        """Set the rates of the coming step; False ends the run before it."""

    def after_step(self, loss: torch.Tensor) -> bool:
        """Take in the loss of the step just made (0-d); False ends the run."""


class Interception:
    """Runs a person's training and lets a driver follow one of its optimizers.

    Parameters
    ----------
    driver
        Sets rates and takes losses.
    optimizer
        The one to follow: itself, or its number (from 1) in the order in which they first step; None for the only one.
    name_of
        What to call an optimizer in a question.
    """

    def __init__(
        self,
        driver: StepDriver,
        optimizer: Any = None,
        name_of: Callable[[Any], str] | None = None,
    ) -> None:
        self._driver = driver
        self._asked = optimizer
        self._name_of = name_of or (lambda followed: type(followed).__name__)
        self._ledger = LossLedger()
        self._stepped: list[Any] = []
        self._question: DiscoveryError | None = None
        self._is_over = False
        self._had_gradients = False
        self._held_loaders = ExitStack()
        self._gate = InterruptGate()
        self.followed: Any = None
        self.num_steps = 0

    @property
    def own_end(self) -> StopReason:
        """Why a training ended by itself before the run was over: its own code may have caught an interrupt."""
        return StopReason.INTERRUPTED if self._gate.has_let_pass else StopReason.OUT_OF_BATCHES

    def run(self, train: Callable[[], None]) -> bool:
        """Run the training; False if it was ended from here.

        Raises
        ------
        DiscoveryError
            If several optimizers step and it was not said which one to follow.
        """
        with self._gate, steps_told_to(self), self._held_loaders, frozen_heap():
            try:
                train()
            except RunEnded:
                pass
            except Exception:
                # a framework may wrap what ended it into an error of its own
                if not self._is_over:
                    raise
        if self._question is not None:
            raise self._question
        return not self._is_over

    def backward(self, call: BackwardCall) -> None:
        """Run a backward pass and note its losses."""
        self._end_if_over()
        call.run()
        self._ledger.add(call)

    def scaled(self, scaled: torch.Tensor, loss: torch.Tensor) -> None:
        """Note which loss was scaled."""
        self._ledger.note_scaled(scaled, loss)

    def dropped(self, optimizer: Any) -> None:
        """Forget losses whose gradients are gone."""
        self._end_if_over()
        if self.followed is None or self._is_followed(optimizer):
            self._ledger.forget()

    def before_step(self, optimizer: Any) -> None:
        """Set the rates, if it is the optimizer that is followed."""
        self._end_if_over()
        if not self._is_followed(optimizer) and not any(optimizer is known for known in self._stepped):
            self._meet(optimizer)
        if optimizer is self.followed and not self._driver.before_step():
            self._end()

    def after_step(self, optimizer: Any) -> None:
        """Read the loss, if it is the optimizer that is followed."""
        loss = self._ledger.of_step()
        if optimizer is not self.followed:
            return
        self.num_steps += 1
        # a closure makes them within the step; another optimizer may drop them there
        self._had_gradients = self._had_gradients or has_gradients(optimizer)
        if loss is not None and not self._had_gradients:
            self._ask(
                f"{self._name_of(optimizer)} stepped, and none of its parameters has a gradient: the loss is of "
                "another model, a former one perhaps, or all is frozen. → run the cell that makes the optimizer again"
            )
        elif loss is None:
            self._ask(
                "The optimizer stepped, and no loss went backward through torch before. → `%lr_find` on the model"
            )
        elif not self._driver.after_step(loss):
            self._end()

    def _is_followed(self, optimizer: Any) -> bool:
        """Whether it is the optimizer that is followed, or one inside it, which steps with the very same rates."""
        if self.followed is None or optimizer is self.followed:
            return self.followed is not None
        return shares_groups(optimizer, self.followed)

    def _is_asked(self, optimizer: Any) -> bool:
        """Whether it is the optimizer that was asked for, or one inside it that makes its steps."""
        has_groups = hasattr(self._asked, "param_groups")
        return optimizer is self._asked or (has_groups and shares_groups(optimizer, self._asked))

    def _meet(self, optimizer: Any) -> None:
        """See an optimizer for the first time: the one to follow, another one, or one too many."""
        self._stepped.append(optimizer)
        is_asked = self._asked == len(self._stepped) or self._is_asked(optimizer)
        if self._asked is None and self.followed is not None:
            first, second = (self._name_of(each) for each in self._stepped[:2])
            # what is in no backticks has no name that could be typed
            by_name = f"`--optimizer {first.strip('`')}`, or " if first.startswith("`") else ""
            self._ask(
                f"Several optimizers step in this cell: {first}, then {second}; their rates are not one. "
                f"→ add {by_name}the number of one: `--optimizer 1`, `--optimizer 2`"
            )
        if is_asked or self._asked is None:
            self.followed = optimizer
            self._had_gradients = has_gradients(optimizer)
            self._driver.begin(optimizer)

    def _ask(self, question: str) -> None:
        self._question = DiscoveryError(question)
        self._end()

    def _end(self) -> None:
        self._is_over = True
        # A bare `except` around the person's step may swallow this, but the loader stands outside of it.
        self._held_loaders.enter_context(method_wrapped(_BaseDataLoaderIter, "__next__", lambda _: _refuse_next))
        raise RunEnded

    def _end_if_over(self) -> None:
        """End again what went on all the same."""
        if self._is_over:
            raise RunEnded


def _refuse_next(_: Any) -> None:
    raise RunEnded
