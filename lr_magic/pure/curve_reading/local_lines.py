"""A smooth curve through unevenly spaced points, as weights: so the noise that is left in it is known as well."""

from __future__ import annotations

import numpy as np


def local_line_weights(at: np.ndarray, grid: np.ndarray, bandwidth: float) -> np.ndarray:
    """Weights of the local linear regression (Fan and Gijbels 1996, eq. 2.3-2.4) at each point of a grid.

    Around each point a line is fitted, weighted by a Gaussian kernel; its value there is a weighted sum of the values.

    Parameters
    ----------
    at
        (n,) where the values are.
    grid
        (g,) where lines are wanted.
    bandwidth
        Standard deviation of the kernel, in the unit of `at`.

    Returns
    -------
    (g, n) float64: each row sums to 1.

    Examples
    --------
    >>> weights = local_line_weights(np.arange(5.0), np.array([0.0, 2.5]), 1.0)
    >>> (weights @ (3 + 2 * np.arange(5.0))).round(9).tolist()
    [3.0, 8.0]
    """
    offsets = at[None, :] - grid[:, None]
    kernel = np.exp(-0.5 * (offsets / bandwidth) ** 2)
    s0, s1, s2 = ((kernel * offsets**power).sum(1) for power in range(3))
    determinant = np.maximum(s0 * s2 - s1**2, 1e-12 * s0 * s2)
    weights: np.ndarray = kernel * (s2[:, None] - s1[:, None] * offsets) / determinant[:, None]
    return weights
