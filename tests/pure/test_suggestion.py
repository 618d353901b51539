from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lr_magic.pure.errors import NoSuggestionError, SettingError
from lr_magic.pure.suggestion import DEFAULT_RULE, RULES, suggest, suggest_all


def sweep(num_steps: int = 100, start: float = 1e-7, end: float = 10.0, noise: float = 0.05, seed: int = 0):
    """Flat, then a fall around 1e-3, lowest near 1e-1, then a blow-up."""
    lrs = np.geomspace(start, end, num_steps)
    losses = 2.3 - 1.8 / (1 + (1e-3 / lrs) ** 1.5) + 0.05 * np.expm1(np.minimum(lrs / 0.15, 30))
    return lrs, losses + np.random.default_rng(seed).normal(0, noise, num_steps)


@pytest.mark.parametrize("rule", list(RULES))
def test_every_rule_lies_in_the_fall(rule):
    assert 1e-4 < suggest(*sweep(), rule=rule).lr < 0.2


def test_the_default_rule_has_an_interval_around_it():
    suggestion = suggest(*sweep())
    assert suggestion.rule == DEFAULT_RULE
    low, high = suggestion.interval
    assert low < suggestion.lr < high


def test_steepest_is_the_inflection_per_decade():
    lrs, losses = sweep(400, noise=0.0)
    assert suggest(lrs, losses, rule="steepest").lr == pytest.approx(1e-3, rel=0.15)


def test_minimum_is_a_tenth_of_the_lowest():
    lrs, losses = sweep(400, noise=0.0)
    assert suggest(lrs, losses, rule="minimum").lr == pytest.approx(lrs[np.argmin(losses)] / 10, rel=0.3)


@settings(max_examples=30)
@given(st.integers(0, 100), st.floats(0.001, 1000), st.floats(-100, 100), st.sampled_from(list(RULES)))
def test_scale_and_shift_of_the_loss_do_not_matter(seed, scale, shift, rule):
    lrs, losses = sweep(seed=seed)
    assert suggest(lrs, losses * scale + shift, rule=rule).lr == pytest.approx(
        suggest(lrs, losses, rule=rule).lr, rel=0.1
    )


def test_suggest_all_has_every_rule():
    assert set(suggest_all(*sweep())) == set(RULES)


def test_unknown_rule_names_the_options():
    with pytest.raises(SettingError, match=r"rule must be one of .*valley.*; got 'best'"):
        suggest(*sweep(), rule="best")


def test_flat_abstains():
    lrs, _ = sweep()
    losses = np.random.default_rng(0).normal(2.3, 0.1, lrs.size)
    with pytest.raises(NoSuggestionError, match="does not fall by more than its noise"):
        suggest(lrs, losses)
    assert suggest_all(lrs, losses) == {}


def test_rising_only_abstains():
    lrs = np.geomspace(1e-2, 100, 60)
    with pytest.raises(NoSuggestionError, match="rises from the first rates on: the sweep starts too high"):
        suggest(lrs, 2.3 + lrs)


@pytest.mark.parametrize("num_points", [0, 1, 5])
def test_too_few_points_abstain(num_points):
    lrs, losses = sweep()
    with pytest.raises(NoSuggestionError, match="too few"):
        suggest(lrs[:num_points], losses[:num_points])


def test_lengths_must_agree():
    with pytest.raises(SettingError, match="same length; got 3 and 2"):
        suggest([1, 2, 3], [1, 2])


def test_what_comes_after_nan_is_not_read():
    lrs, losses = sweep(noise=0.0)
    broken = losses.copy()
    broken[90:] = np.nan
    broken[95] = -100.0
    assert suggest(lrs, broken).lr == pytest.approx(suggest(lrs, losses).lr, rel=0.2)
