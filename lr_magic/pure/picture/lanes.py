"""Places for names that would lie upon each other on one line."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def lanes(centres: Sequence[float], widths: Sequence[float]) -> list[int]:
    """Lane of each name, so that no two in one lane overlap; the first lane that has room is taken.

    Parameters
    ----------
    centres, widths
        Middle and width of each name, in one unit.

    Examples
    --------
    >>> lanes([0.0, 0.5, 2.0], [1.0, 1.0, 1.0])
    [0, 1, 0]
    """
    taken: list[list[tuple[float, float]]] = []
    chosen = []
    for centre, width in zip(centres, widths, strict=True):
        lane = next((i for i, others in enumerate(taken) if _has_room(others, centre, width)), len(taken))
        if lane == len(taken):
            taken.append([])
        taken[lane].append((centre, width))
        chosen.append(lane)
    return chosen


def _has_room(others: Sequence[tuple[float, float]], centre: float, width: float) -> bool:
    return all(abs(centre - other) >= (width + other_width) / 2 for other, other_width in others)
