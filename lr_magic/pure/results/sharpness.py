"""Largest curvature of the loss, and the rate from which on steps overshoot along it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lr_magic.pure.picture.lr_text import lr_text


@dataclass(frozen=True)
class Sharpness:
    """Largest curvature of the loss where the model stands now, and the rate that it allows.

    Attributes
    ----------
    eigenvalue
        Largest eigenvalue of the Hessian (for Adam: of the preconditioned Hessian), mean over the batches.
    limit_lr
        Rate above which the optimizer overshoots along that direction; None if no direction curves upwards.
    limit_interval
        The same, from the batch with the largest and the one with the smallest eigenvalue; None like `limit_lr`.
    num_batches, batch_size
        Batches that were measured, and samples in the first. The curvature of a small batch is larger than that of all
        data: the limit is an approximation, and one for the present weights only.
    blow_up_share
        Share of the limit, in (0, 1], at which sweeps with this kind of optimizer mostly blow up.
    """

    eigenvalue: float
    limit_lr: float | None
    limit_interval: tuple[float, float] | None
    num_batches: int
    batch_size: int
    blow_up_share: float = 1.0

    @classmethod
    def of_plain(cls, content: dict[str, Any]) -> Sharpness:
        """Read what `dataclasses.asdict` and JSON made of one."""
        interval = content["limit_interval"]
        return cls(**{**content, "limit_interval": tuple(interval) if interval else None})

    @property
    def sentence(self) -> str:
        """What it says, in one sentence or two.

        Examples
        --------
        >>> Sharpness(20.0, 0.1, (0.05, 0.2), 4, 32).sentence[:69]
        'A second opinion, from the curvature at these weights: from about 0.1'
        """
        measured = f"{self.num_batches} batches" if self.num_batches > 1 else "one batch"
        basis = f"approximate: from {measured} of {self.batch_size}"
        if self.limit_lr is None or self.limit_interval is None:
            return f"The curvature at these weights sets no limit, as no direction curves upwards ({basis})."
        low, high = (lr_text(lr) for lr in self.limit_interval)
        opinion = (
            f"A second opinion, from the curvature at these weights: from about {lr_text(self.limit_lr)} on steps "
            f"overshoot ({low} to {high}; {basis})."
        )
        if self.blow_up_share == 1:
            return opinion
        earlier = lr_text(self.blow_up_share * self.limit_lr)
        return (
            f"{opinion} With momentum the loss mostly blows up well before that, at a rate about "
            f"{1 / self.blow_up_share:.0f} times lower (near {earlier})."
        )
