from __future__ import annotations

import ast

import pytest

from lr_magic.notebook.body.clause import parse_clause, split_line
from lr_magic.pure.errors import DiscoveryError


@pytest.mark.parametrize(
    "clause",
    [
        "for images, labels in train_loader",
        "for batch in train_loader",
        "for i, (x, y) in enumerate(train_loader)",
        "for (x, _), (u, *rest) in zip(a, b)",
        "for x, y in tqdm(train_loader, desc='train: epoch')",
        "for state['x'], state.y in loaders['train']",
        "for xb, yb in (train_loader if big else small_loader)",
        "for i in range(0, len(X), 64)",
    ],
)
def test_any_target_that_a_for_statement_allows(clause):
    parsed = parse_clause(clause)
    loop = ast.parse(clause + ": pass").body[0]
    assert ast.dump(parsed.target) == ast.dump(loop.target)
    assert ast.dump(parsed.iterable) == ast.dump(loop.iter)


@pytest.mark.parametrize("end", [":", " :", "  # one epoch", ":  # one epoch"])
def test_a_colon_or_a_comment_at_the_end_is_allowed(end):
    assert parse_clause("for x, y in train_loader" + end).source == "for x, y in train_loader"


@pytest.mark.parametrize("text", ["for x in", "for in loader", "train_loader", "for x in loader: print(x)", "for"])
def test_what_is_no_clause_is_refused_with_an_example(text):
    with pytest.raises(DiscoveryError, match="for images, labels in train_loader"):
        parse_clause(text)


@pytest.mark.parametrize(
    ("line", "options", "clause"),
    [
        ("for x, y in loader", "", "for x, y in loader"),
        ("--num-steps 50 for x, y in loader", "--num-steps 50", "for x, y in loader"),
        ("--loss 'sum(l for l in losses)' for x in loader", "--loss 'sum(l for l in losses)'", "for x in loader"),
        ("--num-steps 50", "--num-steps 50", None),
        ("5 --max-lr [r for r in rates][0]", "5 --max-lr [r for r in rates][0]", None),
        ("--out for_plot", "--out for_plot", None),
        ("", "", None),
    ],
)
def test_the_clause_is_split_off_a_line(line, options, clause):
    assert split_line(line) == (options, clause)


def test_a_line_that_only_begins_like_a_clause_is_refused():
    with pytest.raises(DiscoveryError, match="is no `for` clause"):
        split_line("for x, y on train_loader")
