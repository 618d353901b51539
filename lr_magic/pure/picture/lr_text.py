"""A learning rate as people write it."""

from __future__ import annotations


def lr_text(lr: float, digits: int = 2) -> str:
    """Write a learning rate the way people do, in scientific notation below 0.1 and without padding.

    Parameters
    ----------
    lr
        Learning rate, > 0.
    digits
        Significant digits, >= 1.

    Examples
    --------
    >>> lr_text(0.00032), lr_text(1e-3), lr_text(0.25), lr_text(10.0), lr_text(0.012345, digits=3)
    ('3.2e-4', '1e-3', '0.25', '10', '1.23e-2')
    """
    if 0.0995 <= lr < 1000:
        return f"{lr:.{digits}g}"
    mantissa, exponent = f"{lr:.{digits - 1}e}".split("e")
    mantissa = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
    return f"{mantissa}e{int(exponent)}"
