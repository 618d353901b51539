"""Short explanations of the terms in a reading, and where each first appears: for views to link."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

EXPLANATIONS = {
    "loss": "How wrong the model is on a batch; training makes it smaller. Each batch has another one.",
    "rate": "The learning rate: how far each step moves the parameters. A range test raises it from tiny to too large.",
    "falls fastest": (
        "Where the curve is steepest. It is not where it is lowest, because the curve is also time: every step further "
        "right has trained a little more, so the loss is still going down where the rate is already getting too high."
    ),
    "lowest": (
        "Just before it blows up: the rate is at its limit here, for a few steps. A training needs a rate below it."
    ),
    "overshoot": "A step so long that it lands higher up on the other side of the valley than where it began.",
    "noise": "How much the loss differs from batch to batch at the same rate. More batches per rate average it.",
    "bump": "The loss rises and falls again: the model is thrown out of one valley and finds another.",
    "peak rate": "The highest rate of a one-cycle training, which warms up to it and anneals far below it.",
    "curvature": "How sharply the loss bends: where it bends more, a step of the same length overshoots sooner.",
    "blows up": "The loss rises without end: each step makes the next one worse.",
}


class Term(NamedTuple):
    """Where a term first appears in a reading, and what it means.

    Attributes
    ----------
    sentence, start, end
        Index of the sentence, and of the characters in it: ``sentences[sentence][start:end]``.
    explanation
        One or two sentences.
    """

    sentence: int
    start: int
    end: int
    explanation: str


def terms_in(sentences: Sequence[str]) -> tuple[Term, ...]:
    """Find the first appearance of each explained term, in reading order.

    Parameters
    ----------
    sentences
        Those of a `Reading`.

    Examples
    --------
    >>> [term] = terms_in(["It is thrown up by a bump."])
    >>> (term.sentence, term.start, term.end)
    (0, 21, 25)
    """
    found = (_first(term, explanation, sentences) for term, explanation in EXPLANATIONS.items())
    return tuple(sorted(_without_overlap([term for term in found if term is not None])))


def _first(word: str, explanation: str, sentences: Sequence[str]) -> Term | None:
    for number, sentence in enumerate(sentences):
        start = sentence.find(word)
        if start >= 0:
            return Term(number, start, start + len(word), explanation)
    return None


def _without_overlap(terms: list[Term]) -> list[Term]:
    """Leave out a term inside a longer one: "rate" in "peak rate"."""
    return [
        term
        for term in terms
        if not any(
            other is not term
            and other.sentence == term.sentence
            and other.start <= term.start
            and term.end <= other.end
            for other in terms
        )
    ]
