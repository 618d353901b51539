"""Every device there is to test on: the CPU, and the accelerator that torch names, if it sees one."""

from __future__ import annotations

import pytest
import torch

from .small_setups import place

CPU = torch.device("cpu")


def active_accelerator():
    """First device of the accelerator; None where torch sees none."""
    if not hasattr(torch, "accelerator") or not torch.accelerator.is_available():
        return None
    return torch.device(torch.accelerator.current_accelerator().type, 0)


ACCELERATOR = active_accelerator()
ON_ACCELERATOR = [] if ACCELERATOR is None else [pytest.param(ACCELERATOR, marks=pytest.mark.accelerator, id="device")]
needs_accelerator = pytest.mark.skipif(ACCELERATOR is None, reason="torch sees no accelerator")


@pytest.fixture(params=[pytest.param(CPU, id="cpu"), *ON_ACCELERATOR])
def each_device(request, monkeypatch):
    """Let small setups be on the CPU, then on the accelerator."""
    monkeypatch.setattr(place, "device", request.param)
    return request.param
