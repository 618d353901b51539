"""Peak learning rates of several param groups: first layers low, last layers high."""

from __future__ import annotations

from typing import Any

import numpy as np

from lr_magic.pure.errors import SettingError


def spread(low: float, high: float, num_groups: int) -> list[float]:
    """Learning rates from `low` (first group) to `high` (last group) in equal ratios.

    Examples
    --------
    >>> spread(1e-6, 1e-4, 3)
    [1e-06, 1e-05, 0.0001]
    >>> spread(1e-6, 1e-4, 1)
    [0.0001]
    """
    if not 0 < low <= high < np.inf:
        raise SettingError(f"a range of learning rates must be LOW:HIGH with 0 < LOW <= HIGH; got {low:g}:{high:g}.")
    if num_groups == 1:
        return [high]
    return [float(f"{lr:.12g}") for lr in np.geomspace(low, high, num_groups)]


def peak_lrs(max_lr: Any, num_groups: int) -> list[float]:
    """One peak learning rate per param group, from any way to write it.

    Parameters
    ----------
    max_lr
        A number (the same for every group), ``slice(low, high)`` (equal ratios over the groups, as fastai does),
        ``slice(high)`` (the last group at `high`, the others at a tenth of it), or one number per group.
    num_groups
        Number of param groups, >= 1.

    Raises
    ------
    SettingError
        If there are as many numbers as there are not groups, or a number is not above 0.

    Examples
    --------
    >>> peak_lrs(1e-3, 2)
    [0.001, 0.001]
    >>> peak_lrs(slice(1e-3), 3)
    [0.0001, 0.0001, 0.001]
    """
    if isinstance(max_lr, slice):
        return _from_slice(max_lr, num_groups)
    lrs = [float(lr) for lr in np.atleast_1d(np.asarray(max_lr, dtype=float))]
    if np.ndim(max_lr) == 0:
        lrs = lrs * num_groups
    if len(lrs) != num_groups:
        raise SettingError(f"max_lr has {len(lrs)} values for {num_groups} param groups; give one each or a range.")
    if not all(0 < lr < np.inf for lr in lrs):
        raise SettingError(f"max_lr must be finite and above 0; got {max_lr}.")
    return lrs


def _from_slice(lrs: slice, num_groups: int) -> list[float]:
    if lrs.stop is None:
        raise SettingError("A range of learning rates needs a high end: slice(high) or slice(low, high).")
    # As in fastai, where slice(0, high) is slice(high), too.
    if lrs.start:
        return spread(float(lrs.start), float(lrs.stop), num_groups)
    high = float(lrs.stop)
    if not 0 < high < np.inf:
        raise SettingError(f"max_lr must be finite and above 0; got {high:g}.")
    return [high / 10] * (num_groups - 1) + [high]
