from __future__ import annotations

import ast
import textwrap

import pytest

from lr_magic.notebook.body.cell_source import CellSource
from lr_magic.notebook.body.clause import parse_clause
from lr_magic.notebook.body.parsing import ITEM, RAN_THROUGH, compile_step, parse_body
from lr_magic.pure.errors import DiscoveryError

SOURCE = CellSource("<cell>", first_line=2)
BODY = """\
x = x + 1
with context():
    y = x
z = [a for a in range(y)]
"""


def run(clause, body, item, **names):
    names[ITEM] = item
    exec(compile_step(parse_clause(clause), parse_body(body, SOURCE), SOURCE), names)
    return names


@pytest.mark.parametrize("indent", ["", "    ", "        ", "\t", "  "])
def test_a_body_may_be_indented_as_it_was_in_its_loop(indent):
    plain = [ast.dump(s) for s in parse_body(BODY, SOURCE)]
    assert [ast.dump(s) for s in parse_body(textwrap.indent(BODY, indent), SOURCE)] == plain


def test_only_the_first_line_may_be_flush_left():
    lines = BODY.splitlines(keepends=True)
    pasted = lines[0] + textwrap.indent("".join(lines[1:]), "        ")
    assert [s.lineno for s in parse_body(pasted, SOURCE)] == [2, 3, 5]


def test_a_comment_may_stand_further_left_or_right_than_the_code():
    assert len(parse_body("# one step\n        x = 1\n# two\n        y = 2\n", SOURCE)) == 2


@pytest.mark.parametrize(
    "body", ["x = 1\n\ny = 1\n", "\n\nx = 1\n", "        # note\n        x = 1\n\n        y = 2\n"]
)
def test_lines_keep_their_numbers(body):
    typed = [number for number, line in enumerate(body.splitlines(), start=2) if "=" in line]
    assert [statement.lineno for statement in parse_body(body, SOURCE)] == typed


def test_columns_stay_as_typed():
    assert parse_body("        x = 1\n", SOURCE)[0].col_offset == 8


def test_a_syntax_error_names_the_persons_line():
    with pytest.raises(SyntaxError) as caught:
        parse_body("x = 1\nloss = (\n", SOURCE)
    assert (caught.value.filename, caught.value.lineno) == ("<cell>", 3)


def test_a_syntax_error_of_an_indented_body_names_its_line_too():
    with pytest.raises(SyntaxError) as caught:
        parse_body("    x = 1\n    loss = = 2\n", SOURCE)
    assert caught.value.lineno == 3


@pytest.mark.parametrize("body", ["", "\n\n", "   \n"])
def test_an_empty_body_is_refused(body):
    with pytest.raises(DiscoveryError, match="paste the inside of your training loop"):
        parse_body(body, SOURCE)


@pytest.mark.parametrize(
    ("body", "word"), [("return loss", "return"), ("if x:\n  yield x", "yield"), ("await f()", "await")]
)
def test_statements_of_a_function_are_refused(body, word):
    with pytest.raises(DiscoveryError, match=f"`{word}` on line"):
        parse_body(body, SOURCE)


def test_a_function_in_the_body_may_return():
    assert parse_body("def closure():\n    return 1\n", SOURCE)


def test_shell_commands_are_translated_and_keep_the_lines():
    shell = pytest.importorskip("IPython.testing.globalipapp").start_ipython() or __import__("IPython").get_ipython()
    statements = parse_body("\n\nx = 1\n!true\ny = 2\n", SOURCE, shell.transform_cell)
    assert [statement.lineno for statement in statements] == [4, 5, 6]


def test_the_item_is_assigned_to_the_target():
    names = run("for i, (x, *rest) in loader", "total = i + x + len(rest)", (1, (2, 3, 4)))
    assert names["total"] == 5
    assert names[RAN_THROUGH] is True


def test_targets_may_be_attributes_and_items():
    store = {}
    run("for store['x'], y in loader", "store['y'] = y", (1, 2), store=store)
    assert store == {"x": 1, "y": 2}


@pytest.mark.parametrize(("word", "is_through"), [("continue", True), ("break", False)])
def test_continue_and_break_end_the_step(word, is_through):
    names = run("for x in loader", f"seen = x\nif x:\n    {word}\nlater = x", 7)
    assert names["seen"] == 7
    assert "later" not in names
    assert (RAN_THROUGH in names) is is_through


def test_comprehensions_and_lambdas_see_the_names():
    body = "k = 2\na = [x * k for _ in range(2)]\nb = (lambda: x + k)()\ndef f():\n    return x * k\nc = f()"
    names = run("for x in loader", body, 5)
    assert (names["a"], names["b"], names["c"]) == ([10, 10], 7, 10)
