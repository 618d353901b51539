from __future__ import annotations

import pytest

from lr_magic.notebook.body.carried_names import CarriedNames
from lr_magic.notebook.body.names import bound_names, reached_functions, read_names


def names_of(body, **namespace):
    return bound_names(compile(body, "<body>", "exec"), namespace)


@pytest.mark.parametrize(
    ("body", "names"),
    [
        ("x = 1", {"x"}),
        ("x += 1", {"x"}),
        ("(a, *b), c.d, e[0] = 1", {"a", "b"}),
        ("import torch.nn as nn, os.path", {"nn", "os"}),
        ("from math import sqrt as root", {"root"}),
        ("with f() as g: pass", {"g"}),
        ("for i in []: pass", {"i"}),
        ("try: pass\nexcept E as error: pass", {"error"}),
        ("def f(a):\n  b = a\n  return b", {"f"}),
        ("class C:\n  attribute = 1\n  def method(self): return 1", {"C"}),
        ("if (n := 3): pass", {"n"}),
        ("any((last := v) for v in [])", {"last"}),
        ("[v for v in []]", set()),
        ("(lambda q: q)(1)", set()),
        ("del x", {"x"}),
        ("match v:\n  case [first, *rest]: pass\n  case {'k': k, **others}: pass", {"first", "rest", "k", "others"}),
        ("def f():\n  global counter\n  counter = 1", {"f", "counter"}),
        ("x.y = 1; z[0] = 2", set()),
    ],
)
def test_bound_names(body, names):
    assert names_of(body) == names


def notebook_with(source):
    namespace = {"__name__": "__main__"}
    exec(source, namespace)
    return namespace


def test_names_that_a_function_of_the_notebook_declares_global():
    namespace = notebook_with("def outer(): inner()\ndef inner():\n  global seen\n  seen = 1\n  local = 2")
    assert bound_names(compile("outer()", "<body>", "exec"), namespace) == {"seen"}


def test_functions_reached_through_others_each_once():
    namespace = notebook_with("def a(): b(); a()\ndef b(): return len([])\ndef unused(): pass")
    found = reached_functions(compile("a()", "<body>", "exec"), namespace)
    assert [function.__name__ for function in found] == ["a", "b"]


def test_methods_of_a_class_of_the_notebook_through_an_object_of_it():
    source = (
        "class Trainer:\n  def fit(self):\n    global seen\n    seen = helper()\ndef helper(): return 1\nt = Trainer()"
    )
    namespace = notebook_with(source)
    for body in ("t.fit()", "Trainer().fit()"):
        found = reached_functions(compile(body, "<body>", "exec"), namespace)
        assert [function.__name__ for function in found] == ["fit", "helper"]
        assert "seen" in bound_names(compile(body, "<body>", "exec"), namespace)


def test_functions_behind_a_decorator():
    source = "import functools, torch\n@torch.no_grad()\ndef f():\n  global seen\n  seen = 1"
    assert bound_names(compile("f()", "<body>", "exec"), notebook_with(source)) == {"seen"}


def test_read_names_look_into_lambdas():
    assert {"f", "g"} <= set(read_names(compile("f(lambda: g())", "<body>", "exec")))


def carried(namespace, *names):
    return CarriedNames(namespace, frozenset(names))


def run_in(names, body):
    with names:
        exec(body, names.namespace)
    names.namespace.pop("__builtins__", None)


def test_new_names_last_from_batch_to_batch_and_are_not_left_behind():
    notebook = {"kept": 1}
    names = carried(notebook, "hidden")
    with names:
        notebook["hidden"] = 1
    assert notebook == {"kept": 1}
    with names:
        assert notebook["hidden"] == 1
        notebook["hidden"] += 1
    with names:
        assert notebook["hidden"] == 2


def test_the_notebooks_own_value_is_read_first_and_never_changed():
    notebook = {"running_loss": 10.0}
    names = carried(notebook, "running_loss")
    for expected in (11.0, 12.0):
        with names:
            notebook["running_loss"] += 1.0
            assert notebook["running_loss"] == expected
        assert notebook["running_loss"] == 10.0


def test_a_deleted_name_is_there_again_afterwards():
    notebook = {"batch": 1}
    with carried(notebook, "batch"):
        del notebook["batch"]
    assert notebook == {"batch": 1}


def test_names_are_put_back_whatever_ends_the_batch():
    notebook = {"x": 1, "__builtins__": __builtins__}
    names = carried(notebook, "x", "y")
    with pytest.raises(KeyboardInterrupt):
        run_in(names, "x, y = 2, 3\nraise KeyboardInterrupt")
    assert (notebook["x"], "y" in notebook) == (1, False)


def test_forgetting_begins_with_the_notebooks_values_again():
    notebook = {"x": 1}
    names = carried(notebook, "x")
    with names:
        notebook["x"] = 2
    names.forget()
    with names:
        assert notebook["x"] == 1


def test_the_order_of_the_notebooks_names_stays():
    notebook = {"a": 1, "b": 2, "c": 3}
    with carried(notebook, "a", "b"):
        notebook.update(b=5, a=4)
    assert list(notebook) == ["a", "b", "c"]
