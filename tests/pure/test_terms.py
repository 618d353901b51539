from __future__ import annotations

import numpy as np
import pytest

from lr_magic.pure.curve_reading.reading import read_curve
from lr_magic.pure.curve_reading.suggestion import suggest
from lr_magic.pure.curve_reading.terms import EXPLANATIONS, terms_in


def test_each_term_is_marked_once_where_it_first_appears():
    sentences = ["The loss falls.", "The loss is lowest at a rate of 1.", "The rate is lowest."]
    marked = [(t.sentence, sentences[t.sentence][t.start : t.end]) for t in terms_in(sentences)]
    assert marked == [(0, "loss"), (1, "lowest"), (1, "rate")]


def test_a_term_inside_a_longer_one_is_not_marked():
    assert [t.explanation for t in terms_in(["A good peak rate."])] == [EXPLANATIONS["peak rate"]]


def test_a_reading_explains_the_steepest_and_the_lowest():
    lrs = np.geomspace(1e-6, 10, 80)
    losses = 2 - 1 / (1 + 1e-3 / lrs) + lrs**2
    reading = read_curve(lrs, losses, suggestion=suggest(lrs, losses))
    marked = {reading.sentences[t.sentence][t.start : t.end] for t in terms_in(reading.sentences)}
    assert {"loss", "falls fastest", "lowest", "overshoot", "peak rate"} <= marked


@pytest.mark.parametrize("explanation", EXPLANATIONS.values())
def test_explanations_are_short_sentences(explanation):
    assert explanation.endswith(".")
    assert len(explanation) < 240
