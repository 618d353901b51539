"""A real ipython in a real terminal: the live line, the summary, the refusal in one line."""

from __future__ import annotations

import sys
from pathlib import Path  # noqa: TC003 - pytest reads the annotation of a fixture

import pexpect
import pytest

pytestmark = pytest.mark.notebook_run

SETUP = """
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
x = torch.randn(256, 4)
train_loader = DataLoader(TensorDataset(x, (x[:, 0] > 0).long()), batch_size=16, shuffle=True)
model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters())
"""


@pytest.fixture
def terminal(tmp_path: Path):
    setup = tmp_path / "setup.py"
    setup.write_text(SETUP)
    child = pexpect.spawn(
        sys.executable,
        ["-m", "IPython", "--simple-prompt", "--no-banner", "--colors=NoColor", f"--ipython-dir={tmp_path}"],
        encoding="utf-8", timeout=60, dimensions=(50, 160), env={"TERM": "xterm", "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    child.expect(r"In \[1\]")
    child.sendline(f"%run {setup}")
    child.expect(r"In \[2\]")
    child.sendline("%load_ext lr_magic")
    child.expect(r"In \[3\]")
    yield child
    child.close(force=True)


def test_find_and_fit(terminal):
    terminal.sendline("%lr_find")
    terminal.expect("train_loader")
    terminal.expect("[▁▂▃▄▅▆▇█]")
    terminal.expect("(Suggested lr|No suggestion)")
    terminal.expect(r"In \[4\]")
    terminal.sendline("%fit_one_cycle 2 --max-lr 1e-2")
    terminal.expect(r"epoch\s+train_loss")
    terminal.expect(r"In \[5\]")
    terminal.sendline("print(len(fit_history.steps))")
    terminal.expect("32")


def test_a_refusal_is_one_line(terminal):
    terminal.sendline("%lr_find modle")
    terminal.expect("UsageError: .*model")
    terminal.expect(r"In \[4\]")
    assert "Traceback" not in terminal.before
