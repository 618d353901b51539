from __future__ import annotations

import random

import numpy as np
import pytest
import torch

from lr_magic.pure.results.stop_reason import StopReason
from lr_magic.training.cycle.one_cycle import fit_one_cycle
from lr_magic.training.sweeping import sweep
from lr_magic.training.sweeping.range_test import range_test

from . import endings, kinds
from .devices import each_device  # noqa: F401 - a fixture
from .fingerprint import fingerprint, trained
from .kinds import KINDS

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning"),
    pytest.mark.usefixtures("each_device", "kind_that_torch_can"),
]
# What torch itself does not do on every accelerator: kernels for sparse and quantised tensors, moving what has no shape
# yet, and scattering a batch.
_ON_CUDA_ONLY = (kinds.sparse, kinds.quantisation_aware, kinds.lazy, kinds.data_parallel)


@pytest.fixture
def kind_that_torch_can(request, each_device):  # noqa: F811
    if request.node.callspec.params["kind"] in _ON_CUDA_ONLY and each_device.type not in {"cpu", "cuda"}:
        pytest.skip(f"torch does not do this on {each_device.type}")


each_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)


@each_kind
@pytest.mark.parametrize("ending", endings.NORMAL, ids=lambda ending: ending.__name__)
def test_a_sweep_leaves_no_trace_however_it_ends(kind, ending):
    setup, settings, reason = ending(kind())
    before = fingerprint(setup)
    result = range_test(setup, **{"start_lr": 1e-6, "end_lr": 1e-2, **settings})
    assert result.stop_reason is reason
    assert fingerprint(setup) == before
    assert "NOT" not in result.receipt


@each_kind
@pytest.mark.parametrize("ending", [endings.diverged, endings.non_finite], ids=lambda ending: ending.__name__)
def test_a_second_look_leaves_no_trace(kind, ending, monkeypatch):
    monkeypatch.setattr(sweep, "second_look_from", lambda *_: 1e-3)
    setup, _, _ = ending(kind())
    before = fingerprint(setup)
    steps = []
    result = range_test(setup, on_step=lambda record: steps.append(record.step))
    assert steps.count(0) == 2
    assert fingerprint(setup) == before
    assert "NOT" not in result.receipt


@each_kind
@pytest.mark.parametrize("place", endings.PLACES, ids=lambda place: place.__name__)
@pytest.mark.parametrize("is_interrupt", [False, True], ids=["error", "interrupt"])
def test_a_sweep_leaves_no_trace_after_an_error_or_interrupt_anywhere(kind, place, is_interrupt):
    action = endings.interrupt if is_interrupt else endings.fail_with(endings.OwnError("in my own words"))
    setup = place(kind(), action)
    before = fingerprint(setup)
    with pytest.raises(KeyboardInterrupt if is_interrupt else endings.OwnError) as caught:
        range_test(setup, end_lr=1e-3, stop_when_diverged=False)
    assert fingerprint(setup) == before
    result = caught.value.lr_magic_result
    assert result.stop_reason is (StopReason.INTERRUPTED if is_interrupt else StopReason.FAILED)
    assert len(result.losses) == len(result.lrs) <= endings.AT_STEP + 1
    assert "NOT" not in result.receipt


def seeded(kind):
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002
    torch.manual_seed(1)
    return kind()


@each_kind
def test_fit_equals_find_then_fit(kind):
    only_fit, found_first = seeded(kind), None
    fit_one_cycle(only_fit, steps=7, max_lr=1e-2)
    expected = trained(only_fit)
    found_first = seeded(kind)
    range_test(found_first, num_steps=9)
    fit_one_cycle(found_first, steps=7, max_lr=1e-2)
    assert trained(found_first) == expected
