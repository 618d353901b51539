"""Ways for a sweep to end: each changes a setup so that it happens at the sixth step, and says what is expected."""

from __future__ import annotations

import signal
from dataclasses import replace

from lr_magic.pure.control import RunControl
from lr_magic.pure.results.stop_reason import StopReason

AT_STEP = 5


class OwnError(Exception):
    """What a person's model raises."""


def nth(action, n=AT_STEP):
    """Call `action` at the n-th call, do nothing before and after."""
    calls = []

    def count(*_):
        calls.append(1)
        if len(calls) == n + 1:
            return action()
        return None

    return count


def fail_with(error):
    def fail():
        raise error

    return fail


def interrupt():
    signal.raise_signal(signal.SIGINT)


def with_compute_loss(setup, compute_loss):
    own_step = setup.train_batch
    return replace(
        setup, compute_loss=compute_loss, train_batch=own_step and replace(own_step, compute_loss=compute_loss)
    )


def in_forward(setup, action):
    count = nth(action)

    def compute_loss(batch):
        count()
        return setup.compute_loss(batch)

    return with_compute_loss(setup, compute_loss)


def in_backward(setup, action):
    count = nth(action)

    def compute_loss(batch):
        outcome = setup.compute_loss(batch)
        if outcome.loss.requires_grad:
            outcome.loss.register_hook(count)
        return outcome

    return with_compute_loss(setup, compute_loss)


class Interposed:
    """A loader that does something before the n-th batch."""

    def __init__(self, loader, action):
        self.loader, self._count = loader, nth(action)
        self.generator = getattr(loader, "generator", None)

    def __iter__(self):
        for batch in self.loader:
            self._count()
            yield batch


def in_loader(setup, action):
    return replace(setup, train_loader=Interposed(setup.train_loader, action))


def in_step(setup, action):
    count = nth(action)
    setup.optimizer.register_step_pre_hook(lambda *_: count())
    return setup


PLACES = [in_forward, in_backward, in_loader, in_step]


def with_losses(setup, change, at=2 * AT_STEP):
    """Change the loss from the eleventh call on."""
    calls = []

    def compute_loss(batch):
        calls.append(1)
        outcome = setup.compute_loss(batch)
        if len(calls) > at:
            outcome = outcome._replace(loss=change(outcome.loss))
        return outcome

    return with_compute_loss(setup, compute_loss)


def completed(setup):
    return setup, {"num_steps": 8, "end_lr": 1e-3}, StopReason.COMPLETED


def diverged(setup):
    return with_losses(setup, lambda loss: loss + 1e4 - 0.0 * loss), {}, StopReason.DIVERGED


def non_finite(setup):
    return with_losses(setup, lambda loss: loss * float("nan")), {}, StopReason.NON_FINITE


def stopped(setup):
    control = RunControl()
    return in_forward(setup, control.stop), {"control": control}, StopReason.STOPPED


class OneShot:
    """A loader that gives its batches once."""

    def __init__(self, loader):
        self.loader = loader
        self.generator = getattr(loader, "generator", None)
        self.is_used = False

    def __iter__(self):
        if not self.is_used:
            self.is_used = True
            yield from self.loader


def out_of_batches(setup):
    return replace(setup, train_loader=OneShot(setup.train_loader)), {}, StopReason.OUT_OF_BATCHES


def out_of_time(setup):
    return setup, {"seconds": 1e-9}, StopReason.OUT_OF_TIME


NORMAL = [completed, diverged, non_finite, stopped, out_of_batches, out_of_time]
