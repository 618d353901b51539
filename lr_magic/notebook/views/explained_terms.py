"""The reading with its terms explained: a word shows its explanation when clicked or reached with Tab."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from lr_magic.pure.curve_reading.terms import EXPLANATIONS, terms_in

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lr_magic.pure.curve_reading.terms import Term

_READING, _TERM, _EXPLANATION = "lr-magic-reading", "lr-magic-term", "lr-magic-explanation"
_STYLE = (
    f".{_TERM} {{border-bottom: 1px dotted; cursor: help}} "
    f".{_EXPLANATION} {{display: none; opacity: 0.8; padding-left: 1em}} "
    + " ".join(
        f".{_READING}:has(.{_TERM}-{number}:focus) .{_EXPLANATION}-{number} {{display: block}}"
        for number in range(len(EXPLANATIONS))
    )
)


def reading_html(sentences: Sequence[str]) -> str:
    """Sentences with the first appearance of each term marked; the explanation opens below while it has the focus."""
    terms = terms_in(sentences)
    text = " ".join(_marked(sentence, number, terms) for number, sentence in enumerate(sentences))
    below = "".join(
        f'<span class="{_EXPLANATION} {_EXPLANATION}-{number}">{_entry(sentences, term)}</span>'
        for number, term in enumerate(terms)
    )
    return f'<style>{_STYLE}</style><span class="{_READING}">{text}{below}</span>'


def explanations_html(sentences: Sequence[str]) -> str:
    """All explanations behind a line that opens them, for pages that keep no style rules; empty without a term."""
    lines = "".join(f"<div>{_entry(sentences, term)}</div>" for term in terms_in(sentences))
    return f"<details><summary>What the words mean</summary>{lines}</details>" if lines else ""


def _marked(sentence: str, number: int, terms: Sequence[Term]) -> str:
    pieces, done = [], 0
    for place, term in enumerate(terms):
        if term.sentence == number:
            hint, word = escape(term.explanation, quote=True), escape(sentence[term.start : term.end])
            pieces.append(escape(sentence[done : term.start]))
            pieces.append(f'<span class="{_TERM} {_TERM}-{place}" tabindex="0" title="{hint}">{word}</span>')
            done = term.end
    return "".join([*pieces, escape(sentence[done:])])


def _entry(sentences: Sequence[str], term: Term) -> str:
    word = sentences[term.sentence][term.start : term.end]
    return f"<b>{escape(word)}</b> {escape(term.explanation)}"
