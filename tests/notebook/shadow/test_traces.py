"""Whatever a training cell changes beside its model: after a sweep it is as it was."""

from __future__ import annotations

import contextvars
import copy
import gc
import os
import signal
import sys
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from torch import nn

from lr_magic.notebook.body import setup_from_body
from lr_magic.notebook.shadow import whole_cell
from lr_magic.notebook.shadow.process_settings import process_settings_put_back
from lr_magic.notebook.trainings import FoundTraining
from lr_magic.pure.control import RunControl
from lr_magic.training.sweeping.sweep_settings import SweepSettings
from tests.notebook.shadow.conftest import run

SETTINGS = SweepSettings(num_steps=7)
LOOP = """
for _ in range(5):
    for images, labels in train_loader:
        loss = criterion(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        {more}
"""


CLOSURE = """
def make():
    n = 0
    def count():
        nonlocal n
        n += 1
    return count, lambda: n
count, get = make()
"""


# Classes of a library that nobody here has heard of, as their module says.
AVERAGE = """
class Average:
    __module__ = "a_library"
    def __init__(self, parameters):
        self.num_updates, self.averages, self.held = 0, [p.detach().clone() for p in parameters], open
    def update(self, parameters):
        self.num_updates += 1
        for average, p in zip(self.averages, parameters):
            average.lerp_(p.detach(), 0.1)
average = Average(model.parameters())
"""
WARM_UP = """
class WarmUp:
    __module__ = "a_library"
    def __init__(self, optimizer):
        self.optimizer, self.last_step, self.held = optimizer, 0, open
    def step(self):
        self.last_step += 1
warm_up = WarmUp(optimizer)
"""
METER = """
class Meter:
    __module__ = "a_library"
    sum = 0.0
    def __init__(self): self.seen = []
    def update(self, value):
        self.sum += value
        self.seen.append(value)
meter = Meter()
"""


CHAIN = """
class Link:
    def __init__(self, inner=None): self.inner, self.step = inner, 0
chain = Link(Link(Link(Link(Link(Link())))))
"""


DATASET = """
from torch.utils.data import Dataset, default_collate
seen = []
def collate(samples):
    seen.append(len(samples))
    return default_collate(samples)
class Images(Dataset):
    num_read = 0
    def __init__(self, inner): self.inner = inner
    def __len__(self): return len(self.inner)
    def __getitem__(self, i):
        Images.num_read += 1
        return self.inner[i]
train_loader = DataLoader(Images(train_loader.dataset), batch_size=8, collate_fn=collate)
"""
# Each node reads from the one before it and remembers how far it is, as in a pipeline of torchdata's.
PIPELINE = """
class Node:
    __module__ = "a_library"
    def __init__(self, source): self.source, self.num_given, self.held = source, 0, open
    def __iter__(self):
        for item in self.source:
            self.num_given += 1
            yield item
train_loader = Node(Node(Node(Node(Node(Node(Node(train_loader)))))))
def counts(node):
    return (node.num_given, *counts(node.source)) if hasattr(node, "num_given") else ()
"""
# As torchdata's, which goes on with the iterator that `state_dict` made, where it was asked for its state.
STATEFUL = """
class Stateful(DataLoader):
    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self._iterator, self._initial_iter_for_state_dict = None, False
    def state_dict(self):
        self._iterator, self._initial_iter_for_state_dict = super().__iter__(), True
        return {}
    def __iter__(self):
        if self._initial_iter_for_state_dict:
            self._initial_iter_for_state_dict = False
            assert self._iterator is not None
        else:
            self._iterator = super().__iter__()
        return self._iterator
train_loader = Stateful(train_loader.dataset, batch_size=8)
asked = train_loader.state_dict()
"""


def transform(text):
    """What IPython makes of a cell magic and of a line magic, as far as it matters here."""
    first, _, rest = text.partition("\n")
    if first.startswith("%%"):
        return f"get_ipython().run_cell_magic({first[2:]!r}, '', {rest!r})\n"
    return text


class Shell:
    def __init__(self, notebook):
        self.notebook = notebook

    def run_cell_magic(self, _name, _line, cell):
        exec(cell, self.notebook)


@pytest.mark.parametrize(
    "cell",
    [
        "%%time\n" + LOOP,
        "\n%%capture out\n%%time\n" + LOOP,
        "%%foreign\n" + LOOP,
        f"exec({LOOP.format(more='')!r})",
        "train()",
    ],
)
def test_a_loop_that_is_not_seen_in_the_cell_itself_leaves_no_trace(notebook, cell):
    notebook["get_ipython"] = lambda: Shell(notebook)
    run(notebook, f"source = {LOOP.format(more='')!r}\ndef train(): exec(source, globals())")
    model, optimizer = notebook["model"], notebook["optimizer"]
    before = copy.deepcopy((model.state_dict(), optimizer.state_dict()))
    result = whole_cell(cell.replace("{more}", ""), notebook, transform=transform).range_test(SETTINGS)
    assert len(result.losses) == 7
    assert all(torch.equal(value, before[0][name]) for name, value in model.state_dict().items())
    assert optimizer.state_dict() == before[1]


def test_timed_cells_keep_their_line_numbers(notebook):
    with pytest.raises(ZeroDivisionError) as error:
        whole_cell("%%time\nx = 1\n%time 1 / 0", notebook).range_test(SETTINGS)
    assert error.traceback[-1].lineno + 1 == 4


def test_the_length_of_a_timed_training_is_known(notebook):
    assert whole_cell("%%time\n" + LOOP.format(more=""), notebook).planned_steps() == 30


@pytest.mark.parametrize(
    ("made", "more", "read"),
    [
        (
            "class CFG: step, seen = 7, []",
            "CFG.step += 1; CFG.best = 2; CFG.seen.append(1)",
            "{k: list(v) if k == 'seen' else v for k, v in vars(CFG).items()}",
        ),
        ("import argparse; args = argparse.Namespace(step=5)", "args.step += 1", "dict(vars(args))"),
        ("from types import SimpleNamespace; ns = SimpleNamespace()", "ns.last = 1", "dict(vars(ns))"),
        ("def count(): pass\ncount.calls = 0", "count.calls += 1", "count.calls"),
        (
            CLOSURE,
            "count()",
            "get()",
        ),
        (
            AVERAGE,
            "average.update(model.parameters())",
            "(average.num_updates, [a.tolist() for a in average.averages])",
        ),
        (WARM_UP, "warm_up.step()", "warm_up.last_step"),
        (
            "class State:\n    __slots__ = ('step', 'best')\n    def __init__(self): self.step = 0\nstate = State()",
            "state.step += 1; state.best = 1",
            "(state.step, hasattr(state, 'best'))",
        ),
        (METER, "meter.update(1.0)", "(meter.sum, list(meter.seen))"),
        (
            "def count(seen=[], *, by={}): seen.append(1); by[len(by)] = 1",
            "count()",
            "repr((count.__defaults__, count.__kwdefaults__))",
        ),
        ("import collections; made = collections.defaultdict(list)", "made['loss'].append(1)", "dict(made)"),
        ("import collections; log = collections.UserDict()", "log['loss'] = 1", "dict(log)"),
        ("import collections; log = collections.ChainMap({})", "log['loss'] = 1", "dict(log)"),
        (
            "import collections; log = collections.namedtuple('Log', 'losses')([])",
            "log.losses.append(1)",
            "len(log.losses)",
        ),
        ("import weakref; seen = weakref.WeakKeyDictionary()", "seen[model] = 1", "len(seen)"),
        ("import array; losses = array.array('f')", "losses.append(1.0)", "len(losses)"),
        ("losses = bytearray()", "losses.append(1)", "len(losses)"),
        ("import io; log = io.StringIO()", "log.write('a line')", "(log.getvalue(), log.tell())"),
        ("file = open(__file__)", "file.readline()", "file.tell()"),
        ("import random; draws = random.Random(1)", "draws.random()", "draws.getstate()"),
        ("import numpy as np; draws = np.random.PCG64(1)", "draws.random_raw()", "draws.state"),
        ("import random; draws = random.SystemRandom()", "draws.random()", "0"),
        ("import numpy as np; losses = np.zeros(9)", "losses += 1", "losses.tolist()"),
        ("import numpy as np; losses = np.zeros(100_000)", "losses += 1", "losses.sum()"),
        ("import numpy as np; losses = np.zeros(9, dtype=object)", "losses += 1", "losses.tolist()"),
        ("data = torch.zeros(1_000_000)", "data += 1", "data.sum().item()"),
        ("image = torch.zeros(1_000_000, requires_grad=True)", "image.data += 1", "image.sum().item()"),
        ("import pandas as pd; rows = pd.DataFrame({'loss': [0.0]})", "rows.loc[len(rows)] = [1.0]", "rows.to_dict()"),
        ("import pandas as pd; rows = pd.DataFrame({'loss': [0.0]})", "rows.loc[0, 'loss'] += 1", "rows.to_dict()"),
        (DATASET, "pass", "(Images.num_read, len(seen))"),
        (PIPELINE, "pass", "counts(train_loader)"),
        (STATEFUL, "pass", "(train_loader._initial_iter_for_state_dict, train_loader._iterator._num_yielded)"),
        (CHAIN, "chain.inner.inner.inner.inner.inner.step += 1", "chain.inner.inner.inner.inner.inner.step"),
    ],
)
@pytest.mark.parametrize("form", ["cell", "for"])
def test_counters_wherever_they_are_kept(notebook, form, made, more, read):
    notebook["__file__"] = __file__
    run(notebook, made)
    before = eval(read, notebook)
    sweep_in(form, notebook, more)
    assert eval(read, notebook) == before


@pytest.mark.parametrize("form", ["cell", "for"])
def test_a_file_that_was_open_is_named_when_it_was_written_into(notebook, tmp_path, form):
    with (tmp_path / "log.txt").open("w") as notebook["log"], pytest.warns(RuntimeWarning, match="1 open file"):
        result = sweep_in(form, notebook, "log.write('a line')")
    assert "1 open file" in result.receipt


@pytest.mark.parametrize("form", ["cell", "for"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_an_array_too_large_to_be_copied_is_named_when_it_changed(notebook, form, order):
    notebook["losses"] = np.zeros((1_000, 1_000), order=order)
    assert "NOT" not in sweep_in(form, notebook, "read = losses[0, 0]").receipt
    with pytest.warns(RuntimeWarning, match="1 object"):
        result = sweep_in(form, notebook, "losses[0, 0] += 1")
    assert "NOT as before: 1 object" in result.receipt


@pytest.mark.parametrize("form", ["cell", "for"])
@pytest.mark.parametrize("made", ["itertools.count()", "(i for i in range(1_000))", "iter(train_loader)"])
def test_an_iterator_that_the_code_draws_from_is_named(notebook, form, made):
    run(notebook, f"import itertools\nmore = {made}")
    assert "does not give its items again" in sweep_in(form, notebook, "next(more, None)").receipt
    # all of it has moved on, or nothing
    assert getattr(notebook["more"], "_num_yielded", 6) == 6
    assert "does not give" not in sweep_in(form, notebook, "pass").receipt


def test_machinery_of_a_library_is_not_half_put_back(notebook):
    run(
        notebook,
        """
class Recorder:
    __module__ = "a_library"
    def __init__(self): self.num_written, self.connection = 0, object()
    def write(self): self.num_written += 1
recorder = Recorder()
""",
    )
    whole_cell(LOOP.format(more="recorder.write()"), notebook).range_test(SETTINGS)
    assert notebook["recorder"].num_written == 7


def sweep_in(form, notebook, more):
    """Sweep the notebook's training with a further statement in each step; return the result."""
    if form == "cell":
        return whole_cell(LOOP.format(more=more.replace("\n", "\n        ")), notebook).range_test(SETTINGS)
    found = setup_from_body(
        "for images, labels in train_loader", f"loss = criterion(model(images), labels)\n{more}", notebook
    )
    return FoundTraining(found).range_test(SETTINGS, lambda _: None, RunControl())


ANSWER = contextvars.ContextVar("answer", default=0)


@pytest.mark.parametrize("form", ["cell", "for"])
@pytest.mark.parametrize(
    ("more", "read"),
    [
        ("os.chdir('/')", os.getcwd),
        ("os.environ['OF_A_CELL'] = '1'", lambda: dict(os.environ)),
        ("warnings.simplefilter('ignore')", lambda: list(warnings.filters)),
        ("np.seterr(all='ignore')", np.geterr),
        ("np.set_printoptions(precision=2)", np.get_printoptions),
        ("sys.path.append('of a cell')", sys.path.copy),
        ("gc.disable()", gc.isenabled),
        ("signal.signal(signal.SIGTERM, print)", lambda: signal.getsignal(signal.SIGTERM)),
        ("torch.autograd.set_detect_anomaly(True)", torch.is_anomaly_enabled),
        ("torch.set_default_dtype(torch.float64)", torch.get_default_dtype),
        ("torch.set_num_threads(torch.get_num_threads() + 1)", torch.get_num_threads),
        ("torch.set_printoptions(precision=9)", lambda: repr(torch.tensor(1 / 3))),
        ("torch.backends.cudnn.enabled = False", lambda: torch.backends.cudnn.enabled),
        ("torch.backends.cuda.enable_flash_sdp(False)", torch.backends.cuda.flash_sdp_enabled),
        ("nn.modules.module.register_module_forward_hook(print)", lambda: len(nn.modules.module._global_forward_hooks)),
        ("plt.figure()", plt.get_fignums),
        ("plt.rcParams['lines.linewidth'] = 9.0", lambda: plt.rcParams["lines.linewidth"]),
        ("answer.set(answer.get() + 1)", ANSWER.get),
    ],
)
def test_settings_of_the_process(notebook, form, more, read):
    notebook.update(os=os, sys=sys, np=np, plt=plt, gc=gc, signal=signal, warnings=warnings)
    notebook["answer"] = ANSWER
    before = read()
    sweep_in(form, notebook, more)
    assert read() == before


def test_a_folder_that_is_gone_keeps_no_other_setting_from_its_own(tmp_path):
    def settings():
        return Path.cwd(), dict(os.environ), sys.path.copy()

    before, gone = settings(), tmp_path / "gone"
    gone.mkdir()
    with process_settings_put_back():
        os.chdir(gone)
        gone.rmdir()
        os.environ["OF_A_CELL"] = "1"
        sys.path.append("of a cell")
    assert settings() == before


@pytest.mark.parametrize("form", ["cell", "for"])
def test_a_figure_that_was_open_stays_the_current_one(notebook, form):
    notebook["plt"] = plt
    first, current = plt.figure(), plt.figure()
    try:
        sweep_in(form, notebook, f"plt.figure({first.number}); plt.figure()")
        assert plt.gcf() is current
    finally:
        plt.close("all")


def test_files_that_the_body_of_a_loop_writes(notebook, tmp_path):
    notebook["path"] = tmp_path / "last.pt"
    body = "loss = criterion(model(images), labels)\ntorch.save(model.state_dict(), path)"
    found = setup_from_body("for images, labels in train_loader", body, notebook)
    result = FoundTraining(found).range_test(SETTINGS, lambda _: None, RunControl())
    assert not list(tmp_path.iterdir())
    assert "not written" in result.receipt
