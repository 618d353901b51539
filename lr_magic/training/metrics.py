"""Metrics that need no library: each a function of output and target that gives a 0-d tensor."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch


def accuracy(output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Fraction of the targets that are predicted, 0 to 1.

    Parameters
    ----------
    output
        Scores of the classes, (N, C, …); or one score per item of a yes-or-no question, above 0 meaning yes, in the
        shape of the target (or with one further dimension of size 1).
    target
        Class indices, (N, …); or 0 and 1.
    """
    return (_predicted_class(output, target) == target).float().mean()


def error_rate(output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """One minus `accuracy`."""
    return 1 - accuracy(output, target)


def _predicted_class(output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    if output.ndim == target.ndim + 1 and output.shape[1] > 1:
        return output.argmax(dim=1)
    return (output.reshape(target.shape) > 0).to(target.dtype)


METRICS: dict[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = {
    "accuracy": accuracy,
    "error_rate": error_rate,
}
"""What `--metric` knows by name where the notebook has no such name itself."""
