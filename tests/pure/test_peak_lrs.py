from __future__ import annotations

import numpy as np
import pytest
import torch

from lr_magic.pure.cycle.peak_lrs import peak_lrs, spread
from lr_magic.pure.errors import SettingError


def test_equal_ratios_as_in_fastai():
    # fastai's even_mults: start * (stop / start) ** (i / (n - 1))
    assert spread(1e-6, 1e-4, 5) == pytest.approx([1e-6 * 100 ** (i / 4) for i in range(5)], rel=1e-11)


def test_slice_with_one_end_gives_the_others_a_tenth():
    assert peak_lrs(slice(1e-3), 3) == pytest.approx([1e-4, 1e-4, 1e-3])
    assert peak_lrs(slice(1e-3), 1) == [1e-3]


@pytest.mark.parametrize("num_groups", [1, 2, 5])
@pytest.mark.parametrize("given", [slice(1e-6, 1e-4), slice(1e-3), 3e-4])
def test_the_rates_are_those_of_fastai_itself(given, num_groups):
    optimizer = pytest.importorskip("fastai.optimizer")
    groups = [[torch.nn.Parameter(torch.zeros(1))] for _ in range(num_groups)]
    fastai = optimizer.SGD(groups, lr=1.0)
    fastai.set_hyper("lr", given)
    assert peak_lrs(given, num_groups) == pytest.approx([hyper["lr"] for hyper in fastai.hypers], rel=1e-12)


def test_every_way_to_write_a_peak():
    assert peak_lrs(0.1, 2) == [0.1, 0.1]
    assert peak_lrs([0.1, 0.2], 2) == [0.1, 0.2]
    assert peak_lrs(np.float32(0.5), 1) == [0.5]
    assert peak_lrs(slice(1e-4, 1e-2), 3) == pytest.approx([1e-4, 1e-3, 1e-2])


@pytest.mark.parametrize("wrong", [0.0, -1.0, float("nan"), float("inf"), [0.1, 0.2, 0.3], slice(1e-2, 1e-4)])
def test_what_cannot_be_a_peak_is_refused(wrong):
    with pytest.raises(SettingError, match=r"max_lr|range"):
        peak_lrs(wrong, 2)
