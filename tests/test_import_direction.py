"""The rings of docs/architecture.md: imports only inwards, and a light `import lr_magic`."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "lr_magic"
MODULES = sorted(PACKAGE.rglob("*.py"))
ALLOWED = {
    "pure": {"pure"},
    "training": {"pure", "training"},
    "notebook": {"pure", "training", "notebook"},
}
OUTER_PACKAGES = {
    "pure": {"torch", "IPython", "ipywidgets", "bqplot", "traitlets", "rich"},
    "training": {"IPython", "ipywidgets", "bqplot", "traitlets", "rich"},
    "notebook": set(),
}


def imported_names(path: Path) -> set[str]:
    """Every module that a file imports at run time, inside functions too; imports for types only do not run."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            node.body = []
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def ring_of(path: Path) -> str | None:
    folder = path.relative_to(PACKAGE).parts[0]
    return folder if folder in ALLOWED else None


@pytest.mark.parametrize("path", [m for m in MODULES if ring_of(m)], ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_go_inwards(path):
    ring = ring_of(path)
    for name in imported_names(path):
        top, *rest = name.split(".")
        if top == "lr_magic":
            assert rest, f"{path.name} imports the package itself"
            assert rest[0] in ALLOWED[ring], f"{path.name} ({ring}) imports {name}"
        assert top not in OUTER_PACKAGES[ring], f"{path.name} ({ring}) imports {name}"


def test_the_check_sees_a_forbidden_import(tmp_path):
    module = tmp_path / "m.py"
    module.write_text("def f():\n    from lr_magic.notebook import magics\n")
    assert imported_names(module) == {"lr_magic.notebook.magics"}


@pytest.mark.parametrize("forbidden", ["IPython", "bqplot", "ipywidgets", "matplotlib", "rich", "pandas"])
def test_import_loads_no_notebook_package(forbidden):
    code = f"import lr_magic, sys; sys.exit({forbidden!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
