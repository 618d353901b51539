"""The published rules against the peers' own answers on their own curves, stored with the tests."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from lr_magic.pure.curve_reading.curve import read_points
from lr_magic.pure.curve_reading.rules import minimum, steepest, valley_index

ANSWERS = json.loads((Path(__file__).parents[1] / "data" / "peer_answers.json").read_text())


def trimmed(peer: dict) -> tuple[np.ndarray, np.ndarray]:
    """What the peers leave out before they look: ten points at the start and five at the end."""
    lrs = np.array(peer["lrs"])[10:-5]
    losses = np.array([np.nan if loss is None else loss for loss in peer["losses"]])[10:-5]
    num_finite = int(np.argmin(np.isfinite(losses))) if not np.isfinite(losses).all() else losses.size
    return lrs[:num_finite], losses[:num_finite]


def subsequence_length(losses: list[float], last: int) -> int:
    """Longest decreasing subsequence that ends at an index, straight from its definition."""
    before = [subsequence_length(losses, i) for i in range(last) if losses[i] > losses[last]]
    return 1 + max(before, default=0)


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda answer: answer["task"])
def test_valley_is_fastais(answer):
    lrs, losses = trimmed(answer["fastai"])
    assert lrs[valley_index(losses)] == pytest.approx(answer["fastai"]["valley"], rel=1e-6)


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda answer: answer["task"])
def test_minimum_is_fastais_but_for_the_smoothing(answer):
    """The peers' losses are smoothed already: smoothing them again moves the lowest point a little."""
    lrs, losses = trimmed(answer["fastai"])
    assert minimum(read_points(lrs, losses)) == pytest.approx(answer["fastai"]["minimum"], rel=0.5)


def test_steepest_is_torch_lr_finders_where_the_fall_has_one_steepest_point():
    """The median over the tasks: an answer per index of a geometric sweep is one per decade."""
    ratios = []
    for answer in ANSWERS:
        lrs, losses = trimmed(answer["torch_lr_finder"])
        ratios.append(steepest(read_points(lrs, losses)) / answer["torch_lr_finder"]["suggestion"])
    assert np.median(ratios) == pytest.approx(1, rel=0.3)


def test_subsequence_lengths_follow_their_definition():
    losses = np.random.default_rng(0).permutation(12).astype(float)
    lengths = [subsequence_length(losses.tolist(), i) for i in range(losses.size)]
    end = int(np.argmax(lengths))
    start = end - lengths[end]
    assert valley_index(losses) == max(0, start + int((end - start) / 3) + int((end - start) / 6))


def test_valley_of_a_rise_is_its_first_point():
    assert valley_index(np.arange(5.0)) == 0
