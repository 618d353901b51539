from __future__ import annotations

import numpy as np
import pytest
import torch

from lr_magic.pure.errors import SettingError
from lr_magic.pure.results.choice_origin import ChoiceOrigin
from lr_magic.pure.results.range_test_result import RangeTestResult


@pytest.fixture
def result():
    return RangeTestResult(np.array([1e-3, 1e-2]), np.array([1.0, 0.5]))


@pytest.mark.parametrize("value", [0.02, np.float32(0.02), torch.tensor(0.02)])
def test_any_kind_of_number_can_be_chosen(result, value):
    result.lr = value
    assert result.lr == pytest.approx(0.02)
    result.lr_range = (value / 2, value)
    assert result.lr_range == pytest.approx((0.01, 0.02))


@pytest.mark.parametrize("value", [-1, 0, float("nan"), float("inf"), "abc", "1e-2", [], np.array([1.0, 2.0])])
def test_what_is_no_rate_is_refused_and_the_choice_stays(result, value):
    result.choose(0.1, ChoiceOrigin.PLOT)
    with pytest.raises(SettingError, match="lr must be a finite number above 0; got "):
        result.lr = value
    with pytest.raises(SettingError, match="lr_range must be"):
        result.lr_range = (value, 1.0)
    assert (result.lr, result.choice_origin) == (0.1, ChoiceOrigin.PLOT)


@pytest.mark.parametrize("value", [(1, 0.1), (1, 1), (1,), (1, 2, 3), 5, "ab"])
def test_what_is_no_range_is_refused(result, value):
    with pytest.raises(SettingError, match=r"lr_range must be \(low, high\) with 0 < low < high; got"):
        result.lr_range = value
    assert result.choice_origin is None


def test_a_finer_look_that_shows_no_answer_has_that_of_the_wider_sweep():
    lrs = np.geomspace(1e-6, 1e-5, 30)
    flat = RangeTestResult(lrs, np.full(30, 2.0), wider_suggestion=0.03)
    assert flat.no_suggestion_reason
    assert (flat.suggestion, flat.lr, flat.suggestion_for(1000)) == (0.03, 0.03, 0.03)
    assert (flat.suggested_point, flat.interval) == (None, None)
    assert flat.reading.endswith("The suggestion is that of the wider sweep: 3e-2.")
    assert RangeTestResult.from_json(flat.to_json()).suggestion == 0.03


def test_a_finer_look_with_an_answer_of_its_own_keeps_it():
    lrs = np.geomspace(1e-4, 1.0, 80)
    losses = np.where(lrs < 0.1, 2.0 - np.clip(np.log10(lrs / 1e-3), 0, 2) * 0.8, 0.4 + (lrs / 0.1) ** 2)
    alone, finer = RangeTestResult(lrs, losses), RangeTestResult(lrs, losses, wider_suggestion=0.5)
    assert alone.suggestion is not None
    assert (finer.suggestion, finer.reading) == (alone.suggestion, alone.reading)
    assert finer.suggested_point == (finer.suggestion, finer.loss_at(finer.suggestion))
