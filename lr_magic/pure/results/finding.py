"""What was found in the notebook, as data: one finding per line of the report."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One thing that was found, assumed or left alone.

    Attributes
    ----------
    role
        ``"model"``, ``"optimizer"``, ``"train"``, ``"valid"``, ``"step"``, ``"device"``, ``"peak lr"`` or ``"note"``.
    name
        Name in the notebook, empty where there is none.
    description
        What it is, in a few words: ``"MLP, 85.8 k params"``.
    is_guess
        True where another reading was possible and this one was assumed.
    """

    role: str
    name: str
    description: str
    is_guess: bool = False
