"""A number with its noun."""

from __future__ import annotations


def counted(number: int, noun: str) -> str:
    """A number with its noun, in the plural where it is not one.

    >>> counted(1, "step"), counted(1400, "tensor")
    ('1 step', '1,400 tensors')
    """
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
