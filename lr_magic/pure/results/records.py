"""What a loop says about each step and each epoch: frozen, plain, serialisable."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class StepRecord:
    """One optimizer step.

    Attributes
    ----------
    step
        Number of the step in its run, from 0.
    lr
        Learning rate of the step: the highest one where param groups differ.
    loss
        Raw loss of the step's batch, before the update.
    momentum
        SGD's momentum or Adam's beta1 during the step; None where the optimizer has neither or it is not cycled.
    """

    step: int
    lr: float
    loss: float
    momentum: float | None = None


@dataclass(frozen=True)
class EpochRecord:
    """One pass over the training loader.

    Attributes
    ----------
    epoch
        Number of the epoch, from 1.
    train_loss, valid_loss
        Means over the samples; ``valid_loss`` is None without validation data.
    metrics
        Name to value: on the validation data where there are some, else on the training batches.
    seconds
        Duration, validation included.
    num_steps
        Number of its optimizer steps.
    """

    epoch: int
    train_loss: float
    valid_loss: float | None = None
    metrics: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    num_steps: int = 0
