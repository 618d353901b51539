from __future__ import annotations

import pytest

from lr_magic.pure.cycle.unfrozen_range import unfrozen_range
from lr_magic.pure.errors import SettingError


def test_the_high_end_is_a_tenth_of_the_first_stage_and_the_low_end_a_hundredth_of_that():
    assert unfrozen_range(1e-3) == (1e-6, 1e-4)
    assert unfrozen_range(0.2) == pytest.approx((2e-4, 2e-2))


def test_it_stays_a_decade_below_where_the_unfrozen_model_gets_worse():
    assert unfrozen_range(1e-2, worse_from=1e-4) == pytest.approx((1e-7, 1e-5))
    assert unfrozen_range(1e-2, worse_from=1.0) == unfrozen_range(1e-2)


@pytest.mark.parametrize("rates", [(0.0,), (-1.0,), (float("nan"),), (1e-3, 0.0)])
def test_rates_must_be_rates(rates):
    with pytest.raises(SettingError):
        unfrozen_range(*rates)
