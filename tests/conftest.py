from __future__ import annotations

import random
import signal

import numpy as np
import pytest
import torch

# A shell's background job ignores Ctrl-C, and with it every test of an interrupt would fail.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def seeded():
    """Every test starts from the same random numbers, whatever ran before it."""
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002 - the legacy state is what people's notebooks use
    torch.manual_seed(0)
