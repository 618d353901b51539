"""Losses stay on the device and are read back late, in order and in groups: no step waits for its own loss."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING, Protocol

import torch

from lr_magic.training.accelerators import send_to_host

if TYPE_CHECKING:
    from collections.abc import Callable

# A group is sent off when it is this old or this long, whichever comes first.
_GROUP_SECONDS = 0.1
_GROUP_SIZE = 32
# Groups under way at most: beyond that the host waits for the oldest, so that it cannot run far ahead of the device.
_MOST_GROUPS = 2


def type_of_means(loss: torch.Tensor) -> torch.dtype:
    """Type in which losses are kept and averaged: single precision for half ones; a double one may lie beyond it."""
    return torch.promote_types(loss.dtype, torch.float32)


class LossFetcher(Protocol):
    """Takes the loss of each step, gives back numbers in the same order."""

    def add(self, loss: torch.Tensor) -> list[float]:
        """Hand in the loss of the step just made; returns the losses that have arrived, oldest first."""

    def earlier(self) -> list[float]:
        """Wait for all losses handed in but the last, and return those not yet returned.

        Called after each `add`, it gives every loss exactly one step late.
        """

    def finish(self) -> list[float]:
        """Wait for all losses handed in so far and return those not yet returned."""


def fetcher_for(device: torch.device) -> LossFetcher:
    """Choose the way to read losses made on a device."""
    # On the CPU a loss is a number in memory already: reading it waits for nothing and costs about a microsecond.
    return ImmediateFetcher() if device.type == "cpu" else LateFetcher()


class ImmediateFetcher:
    """Reads each loss at once."""

    def add(self, loss: torch.Tensor) -> list[float]:
        """Read the loss."""
        return [loss.item()]

    def earlier(self) -> list[float]:
        """Nothing is ever left."""
        return []

    def finish(self) -> list[float]:
        """Nothing is ever left."""
        return []


class LateFetcher:
    """Copies groups of losses to the host without waiting, and reads a group once it has arrived.

    Parameters
    ----------
    clock
        Seconds, for tests.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._waiting: list[torch.Tensor] = []
        self._waiting_since = 0.0
        self._groups: deque[_Group] = deque()

    def add(self, loss: torch.Tensor) -> list[float]:
        """Keep the loss; send a group off when it is due; return what has arrived."""
        now = self._clock()
        if not self._waiting:
            self._waiting_since = now
        # A copy: the next step of a CUDA graph writes its loss to the same place.
        self._waiting.append(loss.detach().to(type_of_means(loss), copy=True))
        if len(self._waiting) >= _GROUP_SIZE or now - self._waiting_since >= _GROUP_SECONDS:
            self._send()
        return self._arrived() if self._groups else []

    def earlier(self) -> list[float]:
        """Send the last loss off and wait for those before it, while the device works at the last."""
        if self._waiting:
            self._send()
        losses: list[float] = []
        while len(self._groups) > 1:
            losses.extend(self._groups.popleft().read())
        return losses

    def finish(self) -> list[float]:
        """Send the rest and wait for all of it."""
        if self._waiting:
            self._send()
        losses: list[float] = []
        while self._groups:
            losses.extend(self._groups.popleft().read())
        return losses

    def _send(self) -> None:
        self._groups.append(_Group(torch.stack(self._waiting)))
        self._waiting = []

    def _arrived(self) -> list[float]:
        losses: list[float] = []
        while self._groups and (len(self._groups) > _MOST_GROUPS or self._groups[0].has_arrived()):
            losses.extend(self._groups.popleft().read())
        return losses


class _Group:
    """Losses on their way to the host."""

    def __init__(self, losses: torch.Tensor) -> None:
        self._host, self._event = send_to_host(losses)

    def has_arrived(self) -> bool:
        # Without an event nobody can tell, so such a group is read when it is the oldest of too many.
        return self._event is not None and bool(self._event.query())

    def read(self) -> list[float]:
        if self._event is not None:
            self._event.synchronize()
        numbers: list[float] = self._host.tolist()
        return numbers
