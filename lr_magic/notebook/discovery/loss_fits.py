"""How output and target are brought to one shape before a loss: only what makes them fit exactly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from lr_magic.notebook.discovery.loss_kind import LossKind, ignored_index, kind_of, wants_probability_targets

if TYPE_CHECKING:
    from collections.abc import Callable

RESHAPES: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "": lambda x: x,
    "squeeze(-1)": lambda x: x.squeeze(-1),
    "squeeze(1)": lambda x: x.squeeze(1),
    "flatten(1)": lambda x: x.flatten(1),
    "reshape(-1)": lambda x: x.reshape(-1),
    "reshape(-1, classes)": lambda x: x.reshape(-1, x.shape[-1]),
}


@dataclass(frozen=True)
class Fit:
    """Reshapes of output and target (keys of `RESHAPES`), and the kind of number that the target becomes."""

    output: str = ""
    target: str = ""
    cast: str = ""

    def apply(self, output: torch.Tensor, target: Any) -> tuple[torch.Tensor, Any]:
        """Bring both to the form that the loss takes."""
        output = RESHAPES[self.output](output)
        if not isinstance(target, torch.Tensor):
            return output, target
        target = RESHAPES[self.target](target)
        if self.cast == "float":
            target = target.to(output.dtype)
        return output, target.long() if self.cast == "long" else target

    @property
    def words(self) -> str:
        """What is done to output and target, in the words of a report; empty if nothing is."""
        parts = [f"out.{self.output}"] if self.output else []
        parts += [f"y.{self.target}"] if self.target else []
        parts += [f"y.{self.cast}()"] if self.cast else []
        return ", ".join(parts)


def fits(loss_fn: object, output: torch.Tensor, target: torch.Tensor) -> list[Fit]:
    """Every way in which output and target fit a loss exactly; two of them are two readings."""
    kind = kind_of(loss_fn)
    if kind is LossKind.INDEX:
        return _index_fits(output, target, ignored_index(loss_fn))
    if kind is LossKind.ELEMENTWISE:
        if wants_probability_targets(loss_fn) and not _within_unit(target):
            return []
        return _elementwise_fits(output, target)
    return _own_fits(output, target)


def _index_fits(output: torch.Tensor, target: torch.Tensor, ignored: int) -> list[Fit]:
    if target.is_floating_point() and output.shape == target.shape and output.ndim >= 2 and output.shape[1] > 1:
        return [Fit(cast="float" if target.dtype != output.dtype else "")] if _sums_to_one(target) else []
    if not _are_indices(target) or output.ndim < 2:
        return []
    cast = "" if target.dtype == torch.long else "long"
    found = []
    for reshape in ("", "squeeze(1)") if target.ndim > 1 and target.shape[1] == 1 else ("",):
        index = RESHAPES[reshape](target)
        if output.shape[:1] + output.shape[2:] == index.shape and _in_range(index, output.shape[1], ignored):
            found.append(Fit("", reshape, cast))
        # Class scores last, as sequence models have them: [B, T, V] with [B, T].
        if output.ndim > 2 and output.shape[:-1] == index.shape and _in_range(index, output.shape[-1], ignored):
            found.append(Fit("reshape(-1, classes)", "reshape(-1)", cast))
    return found


def _elementwise_fits(output: torch.Tensor, target: torch.Tensor) -> list[Fit]:
    cast = "" if target.dtype == output.dtype else "float"
    for reshape_output, reshape_target in (
        ("", ""),
        ("squeeze(-1)", ""),
        ("", "squeeze(-1)"),
        ("squeeze(1)", ""),
        ("", "squeeze(1)"),
        ("", "flatten(1)"),
        ("flatten(1)", ""),
    ):
        if _shape(output, reshape_output) == _shape(target, reshape_target):
            return [Fit(reshape_output, reshape_target, cast)]
    return []


def _own_fits(output: torch.Tensor, target: torch.Tensor) -> list[Fit]:
    """As it stands; and squeezed, where [N, 1] and [N] would silently spread to [N, N]."""
    as_it_stands = Fit(cast="float" if target.dtype == torch.float64 and output.dtype == torch.float32 else "")
    squeezed = _elementwise_fits(output, target)
    return [as_it_stands] + [fit for fit in squeezed if fit.output or fit.target]


def _shape(tensor: torch.Tensor, reshape: str) -> torch.Size | None:
    """Shape after a reshape; None where the reshape would change nothing (or is impossible)."""
    if not reshape:
        return tensor.shape
    if tensor.ndim < 2:
        return None
    shape = RESHAPES[reshape](tensor).shape
    return None if shape == tensor.shape else shape


def _are_indices(target: torch.Tensor) -> bool:
    if target.dtype == torch.bool or target.is_complex():
        return False
    return not target.is_floating_point() or bool((target == target.round()).all())


def _in_range(target: torch.Tensor, num_classes: int, ignored: int) -> bool:
    counted = target[target != ignored]
    return num_classes > 1 and bool(((counted >= 0) & (counted < num_classes)).all())


def _sums_to_one(target: torch.Tensor) -> bool:
    sums = target.sum(1)
    return bool((target >= 0).all()) and torch.allclose(sums, torch.ones_like(sums), atol=1e-4)


def _within_unit(target: torch.Tensor) -> bool:
    return bool(((target >= 0) & (target <= 1)).all())
