"""A smooth curve through unevenly spaced points, and how much of their noise is left in it."""

from __future__ import annotations

import numpy as np


def local_lines(
    at: np.ndarray, values: np.ndarray, grid: np.ndarray, bandwidth: float
) -> tuple[np.ndarray, np.ndarray]:
    """Fit a line around each point of a grid, weighted by a Gaussian kernel (Fan and Gijbels 1996, eq. 2.3-2.4).

    Parameters
    ----------
    at, values
        (n,) where the values are, and the values.
    grid
        (g,) where lines are wanted.
    bandwidth
        Standard deviation of the kernel, in the unit of `at`.

    Returns
    -------
    (g,) fitted values, and (g,) their standard deviation where each value has standard deviation 1.
    """
    offsets = at[None, :] - grid[:, None]
    kernel = np.exp(-0.5 * (offsets / bandwidth) ** 2)
    s0, s1, s2 = ((kernel * offsets**power).sum(1) for power in range(3))
    determinant = np.maximum(s0 * s2 - s1**2, 1e-12 * s0 * s2)
    weights = kernel * (s2[:, None] - s1[:, None] * offsets) / determinant[:, None]
    middle = float(np.median(values))
    return middle + weights @ (values - middle), np.sqrt((weights**2).sum(1))
