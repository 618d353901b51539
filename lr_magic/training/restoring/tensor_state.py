"""One tensor as it was: its bytes, its memory, its gradient, its flags."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from lr_magic.training.restoring.copy_place import CopyPlace


# Kinds of devices whose memory is read without waiting for anything.
_READ_AT_ONCE = ("cpu",)
# Elements that are kept of a frozen parameter that is not copied.
_SAMPLE_SIZE = 16
_PLAIN_KINDS = (torch.Tensor, torch.nn.Parameter)


class TensorState:
    """What `put_back` gives back to one tensor (the same object, in the same memory).

    Parameters
    ----------
    tensor
        Parameter, buffer or tensor of an optimizer's state.
    place
        Where the copy of its bytes goes; None keeps no copy, for what a run cannot change.
    """

    __slots__ = ("_copy", "_data", "_grad", "_hooks", "_kind", "_requires_grad", "_sample", "_version", "tensor")

    def __init__(self, tensor: torch.Tensor, place: CopyPlace | None) -> None:
        self.tensor = tensor
        self._kind = type(tensor)
        # A second handle on the same memory, out of autograd's sight. It also keeps the memory alive where a model
        # replaces its data instead of writing into it (`param.data = …`, `model.half()`).
        self._data = tensor.data
        self._requires_grad = tensor.requires_grad
        self._grad = tensor.grad if tensor.is_leaf else None
        self._hooks = dict(tensor._backward_hooks or {})  # noqa: SLF001 - tensors have no public list of their hooks
        self._copy: torch.Tensor | None = None
        self._sample: torch.Tensor | None = None
        self._version = _version_of(tensor)
        if place is not None:
            self.copy(place)

    @property
    def is_copied(self) -> bool:
        """Whether its bytes are kept."""
        return self._copy is not None

    def copy(self, place: CopyPlace) -> None:
        """Keep a copy of the bytes, where they can change at all."""
        if self._copy is None and _is_writable(self._data):
            self._copy = place.copy_of(self._data)

    def take_sample(self) -> None:
        """Keep a few elements of what is not copied, to see afterwards whether it was written into."""
        if self._copy is None and _is_dense(self._data):
            self._sample = self._some_elements().clone()

    def _some_elements(self) -> torch.Tensor:
        return _in_memory_order(self._data).view(-1)[:: max(1, self._data.numel() // _SAMPLE_SIZE)]

    def set_grad_aside(self) -> None:
        """Take the gradient off the tensor, so that a run neither reads nor overwrites it."""
        if self._grad is not None:
            self.tensor.grad = None

    def put_back(self) -> bool:
        """Make the tensor what it was."""
        tensor = self.tensor
        if type(tensor) is not self._kind:  # a lazy parameter that was given its shape meanwhile
            tensor.__class__ = self._kind
        if self._copy is not None:
            self._data.copy_(self._copy)
            _set_version(tensor, self._version)
        if not _is_same_memory(tensor.data, self._data):
            tensor.data = self._data
            # What was counted since then was written into the other memory; into this one, a sample tells.
            _set_version(tensor, self._version)
        if tensor.is_leaf:
            self._put_back_autograd(tensor)
        return True

    def _put_back_autograd(self, tensor: torch.Tensor) -> None:
        if tensor.requires_grad is not self._requires_grad:
            tensor.requires_grad_(self._requires_grad)
        if tensor.grad is not self._grad:
            tensor.grad = self._grad
        hooks = tensor._backward_hooks  # noqa: SLF001
        if hooks is not None and len(hooks) != len(self._hooks):
            hooks.clear()
            hooks.update(self._hooks)

    def has_changed(self) -> bool | torch.Tensor:
        """Whether memory, bytes, flags or gradient are not what they were; without a copy by version and sample.

        Where the bytes have to be compared on an accelerator, the answer is a 0-d tensor there: see `count_changed`.
        """
        tensor = self.tensor
        if not _is_same_memory(tensor.data, self._data) or tensor.requires_grad is not self._requires_grad:
            return True
        if tensor.is_leaf and tensor.grad is not self._grad:
            return True
        if self._copy is not None:
            return _bytes_differ(self._data, self._copy)
        if self._sample is not None and _bytes_differ(self._some_elements(), self._sample):
            return True
        return _version_of(tensor) != self._version


def count_changed(states: list[TensorState]) -> int:
    """Number of tensors that are not as they were; an accelerator is waited for once, not once per tensor."""
    answers = [state.has_changed() for state in states]
    on_device: dict[torch.device, list[torch.Tensor]] = {}
    for answer in answers:
        if isinstance(answer, torch.Tensor):
            on_device.setdefault(answer.device, []).append(answer)
    num_changed = sum(answer for answer in answers if isinstance(answer, bool))
    return num_changed + sum(int(torch.stack(each).sum().item()) for each in on_device.values())


def _version_of(tensor: torch.Tensor) -> int:
    return -1 if tensor.is_inference() else tensor._version  # noqa: SLF001 - torch's only word on in-place changes


def _set_version(tensor: torch.Tensor, version: int) -> None:
    """Let a graph that was built before the run, and not yet gone through backward, still know its tensors."""
    if _version_of(tensor) == version:
        return
    setter = getattr(torch._C._autograd, "_unsafe_set_version_counter", None)  # noqa: SLF001
    if setter is None:
        return
    try:
        setter((tensor,), (version,))
    except TypeError:  # torch < 2.6
        setter(tensor, version)


def _is_writable(data: torch.Tensor) -> bool:
    """Whether in-place operations can change it: not so for inference tensors and expanded ones."""
    if data.is_inference() or data.layout != torch.strided:
        return not data.is_inference()
    return not any(step == 0 and size > 1 for step, size in zip(data.stride(), data.shape, strict=True))


def _is_dense(data: torch.Tensor) -> bool:
    """Whether its elements lie side by side in a memory of their own, in whatever order."""
    if type(data) not in _PLAIN_KINDS or data.layout != torch.strided or data.device.type == "meta":
        return False
    return _in_memory_order(data).is_contiguous()


def _in_memory_order(data: torch.Tensor) -> torch.Tensor:
    return data.permute(sorted(range(data.dim()), key=data.stride, reverse=True))


def _is_same_memory(one: torch.Tensor, other: torch.Tensor) -> bool:
    if one.dtype != other.dtype or one.device != other.device or one.shape != other.shape:
        return False
    if one.layout != torch.strided:
        return True
    return one.data_ptr() == other.data_ptr() and one.stride() == other.stride()


def _bytes_differ(data: torch.Tensor, copy: torch.Tensor) -> bool | torch.Tensor:
    """Bit for bit, so that NaN equals itself and -0.0 differs from 0.0."""
    if copy.device != data.device:
        data = data.to(copy.device)
    if data.layout != torch.strided or data.is_quantized or data.is_complex():
        return not torch.equal(data, copy)
    whole = _INTEGER_OF_SIZE[data.element_size()]
    data, copy = data.view(whole), copy.view(whole)
    return not torch.equal(data, copy) if data.device.type in _READ_AT_ONCE else (data != copy).any()


_INTEGER_OF_SIZE = {1: torch.int8, 2: torch.int16, 4: torch.int32, 8: torch.int64}
