"""Whether the steps of a training draw Python's or NumPy's random numbers, beside the loader."""

from __future__ import annotations

import ctypes
import random
from typing import TYPE_CHECKING, Any

import numpy as np

from lr_magic.training.restoring.saved_random import host_content, is_same_host_content

if TYPE_CHECKING:
    from lr_magic.training.restoring.saved_random import Content

# Of NumPy's own generator, in its memory: 624 words and the position among them.
_NUM_BYTES = 4 * 625


class HostDraws:
    """Finds out whether steps themselves draw Python's or NumPy's random numbers (mixing of samples).

    Their states take a tenth of a small network's step to read. Mostly nobody draws them, or only a loader, which does
    so again in the same way; then they are not read before every step. A first step in which they have not moved at all
    says so; after another one, the second is looked at more closely.

    Attributes
    ----------
    may_be_made
        Whether steps draw, or it is not known yet.
    is_watching
        Whether the work of the step under way is looked at, apart from the loader's.
    is_settled
        Whether it is known.
    """

    def __init__(self) -> None:
        self.may_be_made = True
        self.is_watching = self.is_settled = False
        self._first: tuple[Any, bytes | None] | None = None
        self._begin: Content | None = None
        self._are_made = False

    def begin_first_step(self, now: Content) -> None:
        """The first step begins, in this state."""
        # Where the next normal number is known already, drawing it moves nothing else.
        has_gauss = now["numpy"]["has_gauss"]
        self._first = now["python"], None if has_gauss else _numpy_memory()

    def begin_work(self) -> None:
        """A batch was drawn from the loader, in a step that is looked at."""
        self._begin = host_content()

    def end_work(self) -> None:
        """The next batch is going to be drawn, or the step is whole."""
        if self._begin is not None:
            self._are_made |= not is_same_host_content(host_content(), self._begin)
            self._begin = None

    def end_step(self) -> None:
        """A step is whole; to be called until it is settled."""
        if self.is_watching:
            self.end_work()
            self._settle(are_made=self._are_made)
        elif self._first is not None and self._first[1] is not None and self._is_unmoved(*self._first):
            self._settle(are_made=False)
        else:
            self.is_watching = True

    def _settle(self, *, are_made: bool) -> None:
        self.is_settled, self.is_watching, self.may_be_made = True, False, are_made

    def _is_unmoved(self, python: Any, numpy: bytes | None) -> bool:
        # the last word and the position among them, and a normal number that is known already
        (_, words, gauss), (_, words_before, gauss_before) = random.getstate(), python
        return numpy == _numpy_memory() and words[-2:] == words_before[-2:] and gauss == gauss_before


def _numpy_memory() -> bytes | None:
    """What NumPy's own generator has in memory: a hundredth of the time that its state takes; None for another one."""
    bits: Any = np.random.get_bit_generator()  # type: ignore[attr-defined]
    return ctypes.string_at(bits.ctypes.state_address, _NUM_BYTES) if type(bits) is np.random.MT19937 else None
