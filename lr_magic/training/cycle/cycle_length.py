"""Length of a training in optimizer steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lr_magic.pure.errors import SettingError
from lr_magic.training.batches import length_of

if TYPE_CHECKING:
    from lr_magic.training.setup import TrainingSetup


def planned_steps(setup: TrainingSetup, *, epochs: int | None = None, steps: int | None = None) -> int:
    """Length of a training in optimizer steps, from its length in epochs or steps.

    Raises
    ------
    SettingError
        If not exactly one of the two is given, or the loader does not say how long an epoch is.
    """
    if (epochs is None) == (steps is None):
        raise SettingError(f"Give either epochs or steps; got epochs={epochs} and steps={steps}.")
    for name, value in (("epochs", epochs), ("steps", steps)):
        if value is not None and value < 1:
            raise SettingError(f"{name} must be at least 1; got {value}.")
    if steps is not None:
        return steps
    num_batches = length_of(setup.train_loader)
    if num_batches is None:
        raise SettingError(
            "The training loader does not say how long it is: give steps, the number of optimizer steps (--steps N)."
        )
    if setup.steps_per_pass is not None:
        return (epochs or 0) * setup.steps_per_pass
    if setup.owns_step:
        raise SettingError(
            "Only the step itself knows when it steps: give steps, the number of optimizer steps (--steps N)."
        )
    if num_batches == 0:
        raise SettingError("The training loader has length 0. Is its dataset empty?")
    steps_per_epoch = -(-num_batches // setup.accumulate)
    return (epochs or 0) * steps_per_epoch


def steps_per_epoch(setup: TrainingSetup) -> int | None:
    """Optimizer steps of one pass over the training loader; None where nobody can tell before."""
    try:
        return planned_steps(setup, epochs=1)
    except SettingError:
        return None
