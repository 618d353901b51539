"""Where copies of tensors are kept: on the device while it has room, else in pinned host memory."""

from __future__ import annotations

from contextlib import suppress

import torch

from lr_magic.training.accelerators import empty_on_host, free_bytes

# Share of the free device memory that copies may take; the run itself needs the rest.
_DEVICE_SHARE = 0.5
_HOST_KINDS = ("cpu", "meta")


class CopyPlace:
    """Keeps copies of tensors: beside the original, or in host memory once the device runs short."""

    def __init__(self) -> None:
        self._room: dict[torch.device, float] = {}
        self._num_bytes_in_host = 0

    @property
    def note(self) -> str:
        """Where copies went, if not beside the originals; one line, or empty."""
        if self._num_bytes_in_host == 0:
            return ""
        return f"{self._num_bytes_in_host / 2**20:.0f} MiB of copies were kept in host memory: the device is short"

    def copy_of(self, data: torch.Tensor) -> torch.Tensor:
        """Copy the bytes of a tensor that is out of autograd's sight."""
        if data.device.type in _HOST_KINDS:
            return data.clone()
        num_bytes = data.numel() * data.element_size()
        if data.device not in self._room:
            self._room[data.device] = _DEVICE_SHARE * free_bytes(data.device)
        if num_bytes <= self._room[data.device]:
            with suppress(torch.cuda.OutOfMemoryError):  # that of every make, by the name it has in all versions
                copy = data.clone()
                self._room[data.device] -= num_bytes
                return copy
        self._num_bytes_in_host += num_bytes
        return empty_on_host(data).copy_(data)
