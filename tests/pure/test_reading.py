from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from lr_magic.pure.curve_reading.reading import Situation, read_curve
from lr_magic.pure.curve_reading.smoothing import smooth
from lr_magic.pure.curve_reading.suggestion import Suggestion, suggest
from lr_magic.pure.errors import NoSuggestionError, SettingError
from lr_magic.pure.picture.lr_text import lr_text
from lr_magic.pure.results.stop_reason import StopReason

# Real sweeps of small models, each labelled by eye with its situation.
SWEEPS = json.loads((Path(__file__).parents[1] / "data" / "labelled_sweeps.json").read_text())
LRS = np.geomspace(1e-7, 10, 100)
NOISE = np.random.default_rng(1).normal(0, 0.02, LRS.size)
CLEAN = 2.3 - 1.8 / (1 + (1e-3 / LRS) ** 1.5) + 0.05 * np.expm1(np.minimum(LRS / 0.15, 30)) + NOISE
BUMP = np.exp(-(((np.log10(LRS) + 1.5) / 0.3) ** 2))
WITHOUT_FALL = 0.05 * np.expm1(np.minimum(LRS / 0.15, 30))

SYNTHETIC = [
    (Situation.FALLS_CLEANLY, CLEAN),
    (Situation.FALLS_CLEANLY, CLEAN - 100),
    (Situation.FLAT, 2.3 + NOISE),
    (Situation.ALREADY_TRAINED, 0.1 + NOISE + WITHOUT_FALL),
    (Situation.TWO_VALLEYS, CLEAN + 1.5 * BUMP),
    (Situation.TOO_NOISY, CLEAN + 80 * NOISE),
    (Situation.STARTS_TOO_HIGH, 2.3 + 0.3 * np.arange(100.0) + NOISE),
    (Situation.NEVER_DIVERGED, 2.3 - 1.8 / (1 + (1e-3 / LRS) ** 1.5) + NOISE),
    (Situation.NON_FINITE, np.where(np.arange(100) < 65, CLEAN, np.nan)),
]


def values(losses: list) -> np.ndarray:
    return np.array([np.nan if loss is None else loss for loss in losses])


@pytest.mark.parametrize(("situation", "losses"), SYNTHETIC, ids=lambda value: getattr(value, "value", ""))
def test_each_situation_of_a_drawn_curve(situation, losses):
    assert read_curve(LRS, losses).situation is situation


@pytest.mark.parametrize("name", SWEEPS)
def test_each_situation_of_a_real_sweep(name):
    sweep = SWEEPS[name]
    assert read_curve(sweep["lrs"], values(sweep["losses"])).situation.value == sweep["situation"]


def test_every_situation_has_a_real_sweep():
    assert {sweep["situation"] for sweep in SWEEPS.values()} == {s.value for s in Situation} - {"too_short"}


@pytest.mark.parametrize("name", SWEEPS)
def test_two_to_five_whole_sentences(name):
    sweep = SWEEPS[name]
    losses = values(sweep["losses"])
    try:
        suggestion = suggest(sweep["lrs"], losses)
    except NoSuggestionError:
        suggestion = None
    sentences = read_curve(sweep["lrs"], losses, suggestion=suggestion).sentences
    assert 2 <= len(sentences) <= 5
    assert all(sentence.endswith(".") and sentence[0].isupper() for sentence in sentences)


def test_a_clean_fall_names_its_rates():
    reading = read_curve(LRS, CLEAN, suggestion=suggest(LRS, CLEAN))
    assert "lowest" in str(reading)
    assert "A good peak rate is about" in reading.sentences[-1]


def test_the_lowest_point_is_the_one_that_is_drawn():
    drawn = smooth(CLEAN)
    lowest = int(np.argmin(drawn))
    assert f"lowest, {drawn[lowest]:.3g}, near {lr_text(LRS[lowest])}." in str(read_curve(LRS, CLEAN))


def test_the_step_of_the_first_nan_is_named():
    losses = CLEAN.copy()
    losses[65] = np.inf
    assert "In step 65 the loss became NaN or infinite" in str(read_curve(LRS, losses))


def test_a_trained_model_is_told_ten_times_below():
    reading = read_curve(LRS, 0.1 + NOISE + WITHOUT_FALL)
    assert "ten times below" in str(reading)


@pytest.mark.parametrize(("num_points", "num_sentences"), [(0, 1), (3, 2)])
def test_hardly_any_points(num_points, num_sentences):
    reading = read_curve([1e-3] * num_points, [1.0] * num_points)
    assert reading.situation is Situation.TOO_SHORT
    assert len(reading.sentences) == num_sentences


def test_a_blow_up_within_the_first_steps_starts_too_high():
    reading = read_curve([1.0, 1.1, 1.2], [2.3, 10.0, 1e4], stop_reason=StopReason.DIVERGED)
    assert reading.situation is Situation.STARTS_TOO_HIGH


def test_nan_in_the_first_step():
    reading = read_curve([1e-7, 2e-7], [np.nan, np.nan])
    assert reading.situation is Situation.NON_FINITE
    assert "In step 0" in str(reading)


def test_lengths_must_agree():
    with pytest.raises(SettingError, match="same length"):
        read_curve([1.0, 2.0], [1.0])


@pytest.mark.parametrize(("share", "says"), [(0.5, "below the lowest point"), (1.0, "bears the lowest point")])
def test_the_advice_says_where_the_rate_lies_on_the_curve(share, says):
    lr = share * LRS[np.argmin(CLEAN)]
    suggestion = Suggestion("bottom", lr, (lr / 2, 2 * lr))
    assert says in read_curve(LRS, CLEAN, suggestion=suggestion).sentences[-1]


def test_a_rate_off_a_noisy_curve_is_called_a_guess():
    suggestion = Suggestion("bottom", 3e-3, (1e-3, 7e-3))
    sentences = read_curve(LRS, CLEAN + 80 * NOISE, suggestion=suggestion).sentences
    assert sentences[-1] == "Until then, 3e-3 is a guess at a peak rate, somewhere from 1e-3 to 7e-3."
    assert not any("good peak rate" in sentence for sentence in sentences)
