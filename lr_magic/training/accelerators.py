"""What a run asks of an accelerator of any make: how much memory is free, a copy for the host that nobody waits for."""

from __future__ import annotations

from typing import Any

import torch

# Their memory is the host's own.
_SHARING_MEMORY = ("cpu", "meta", "mps")
# By an older torch; by the make; for a make that is not the one that torch names.
_NOT_OFFERED = (AttributeError, RuntimeError, ValueError)


def free_bytes(device: torch.device) -> float:
    """Bytes that can still be allocated on a device; infinite where it does not say."""
    own: Any = getattr(torch, device.type, None)
    try:
        memory = own if hasattr(own, "mem_get_info") else torch.accelerator.memory
        free, _ = memory.mem_get_info(device) if memory is own else memory.get_memory_info(device)
        return float(free + memory.memory_reserved(device) - memory.memory_allocated(device))
    except _NOT_OFFERED:
        return float("inf")


def empty_on_host(data: torch.Tensor) -> torch.Tensor:
    """Memory on the host for a device's tensor, pinned where that makes copies faster and is possible."""
    if data.device.type not in _SHARING_MEMORY:
        try:
            return torch.empty_like(data, device="cpu", pin_memory=True)
        except RuntimeError:  # no memory can be pinned for this make, or no more of it
            pass
    return torch.empty_like(data, device="cpu")


def send_to_host(data: torch.Tensor) -> tuple[torch.Tensor, Any]:
    """Begin to copy a device's tensor to the host, without waiting for either.

    Returns
    -------
    (copy, event): the copy may be read once ``event.query()`` is true, or after ``event.synchronize()``. (data, None)
    for a device without pinned memory or events: reading is then all that can be done, and waits.
    """
    if data.device.type in _SHARING_MEMORY:
        return data, None
    copy = empty_on_host(data)
    if not copy.is_pinned():
        return data, None
    try:
        copy.copy_(data, non_blocking=True)
        return copy, _event_behind(data.device)
    except _NOT_OFFERED:
        return data, None


def _event_behind(device: torch.device) -> Any:
    """Record an event behind everything that a device has been given to do."""
    own: Any = getattr(torch, device.type, None)
    event: Any
    if hasattr(own, "Event"):
        event, stream = own.Event(), own.current_stream(device)
    else:
        # An event that is given no stream takes the one of the current device, which may be another one.
        event, stream = torch.Event(device), torch.accelerator.current_stream(device)
    event.record(stream)
    return event
