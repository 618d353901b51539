"""A notebook without a kernel, and what every case checks: the loss is the notebook's own, and nothing has moved."""

from __future__ import annotations

import copy
import linecache
import random

import numpy as np
import pytest
import torch
from torch import nn

from lr_magic.notebook.discovery import Discovered, DiscoveryRequest, discover
from lr_magic.pure.errors import DiscoveryError


class Notebook:
    """Cells executed one after another in one namespace, as a kernel does it, with their sources kept."""

    def __init__(self, *cells: str) -> None:
        self.namespace: dict[str, object] = {"__name__": "__main__"}
        self.history: list[str] = []
        for cell in cells:
            self.run(cell)

    def run(self, source: str) -> None:
        """Execute a cell; magics at its top are kept in the history only, as IPython would have run the rest."""
        self.history.append(source)
        code = "\n".join("" if line.startswith("%") else line for line in source.splitlines())
        name = f"<cell {id(self)} {len(self.history)}>"
        linecache.cache[name] = (len(code), None, [line + "\n" for line in code.splitlines()], name)
        exec(compile(code, name, "exec"), self.namespace)

    def pending(self, source: str) -> None:
        """Keep a cell in the history without its having had an effect: it raised at once."""
        self.history.append(source)

    def find(self, **asked: object) -> Discovered:
        """Call the magic: what it finds; and check that everything is as it was, found or asked about."""
        before = state_of(self.namespace)
        try:
            return discover(self.namespace, DiscoveryRequest(**asked), [*self.history, "%lr_find"])
        finally:
            assert_same(before, state_of(self.namespace))

    def refusal(self, **asked: object) -> str:
        """Call the magic where it must ask: what it says."""
        with pytest.raises(DiscoveryError) as error:
            self.find(**asked)
        text = str(error.value)
        assert len(text.splitlines()) <= 2
        assert "→ `" in text.splitlines()[-1]
        assert "`%" in text.splitlines()[-1]
        return text

    def found_or_asked(self, step: str) -> Discovered | None:
        """Call the magic where a question is as good as an answer: a wrong loss is not."""
        try:
            found = self.find()
        except DiscoveryError as question:
            if "→ `" not in str(question).splitlines()[-1]:
                raise
            return None
        self.check_loss(found, step)
        return found

    def check_loss(self, found: Discovered, step: str) -> None:
        """Compare the found loss with the notebook's own ``step``, source that assigns ``loss``, on the first batch."""
        batch = first_batch(found.setup.train_loader)
        found.setup.model.train()
        torch.manual_seed(7)
        scope = {**self.namespace, "batch": batch}
        exec(step, scope)
        torch.manual_seed(7)
        outcome = found.setup.compute_loss(batch)
        assert outcome.loss.ndim == 0
        assert outcome.loss.requires_grad
        torch.testing.assert_close(outcome.loss.double(), scope["loss"].double(), rtol=1e-6, atol=0)

    def state(self) -> dict[str, object]:
        """Copy everything that a run could move."""
        return state_of(self.namespace)

    def check_unchanged(self, before: dict[str, object]) -> None:
        """Compare with what `state` gave."""
        assert_same(before, state_of(self.namespace))

    def __getitem__(self, expression: str):
        return eval(expression, self.namespace)


@pytest.fixture
def notebook():
    return Notebook


def state_of(namespace: dict[str, object]) -> dict[str, object]:
    """Deep copy of everything that a trial could move."""
    modules = {n: v for n, v in namespace.items() if isinstance(v, nn.Module)}
    optimizers = {n: v for n, v in namespace.items() if isinstance(v, torch.optim.Optimizer)}
    loaders = {n: v for n, v in namespace.items() if isinstance(v, torch.utils.data.DataLoader)}
    return {
        "names": {name: id(value) for name, value in namespace.items() if name != "__builtins__"},
        "tensors": {(n, key): t.clone() for n, m in modules.items() for key, t in m.state_dict().items()},
        "modes": {(n, key): m.training for n, root in modules.items() for key, m in root.named_modules()},
        "trainable": {(n, key): p.requires_grad for n, m in modules.items() for key, p in m.named_parameters()},
        "grads": {(n, key): _copied(p.grad) for n, m in modules.items() for key, p in m.named_parameters()},
        "hooks": {n: _num_hooks(m) for n, m in modules.items()},
        "optimizers": {n: copy.deepcopy(o.state_dict()) for n, o in optimizers.items()},
        "generators": {n: g.get_state() for n, v in loaders.items() if (g := v.generator) is not None},
        "torch": torch.get_rng_state(),
        "numpy": np.random.get_state(),  # noqa: NPY002
        "python": random.getstate(),
    }


def _copied(tensor):
    return None if tensor is None else tensor.clone()


def _num_hooks(root: nn.Module) -> int:
    return sum(len(m._forward_hooks) + len(m._forward_pre_hooks) + len(m._backward_hooks) for m in root.modules())


def assert_same(before: object, after: object, where: str = "") -> None:
    """Compare two states bit for bit."""
    assert type(before) is type(after), where
    if isinstance(before, torch.Tensor):
        assert before.dtype == after.dtype, where
        assert torch.equal(before, after), where
    elif isinstance(before, np.ndarray):
        assert np.array_equal(before, after), where
    elif isinstance(before, dict):
        assert before.keys() == after.keys(), where
        for key in before:
            assert_same(before[key], after[key], f"{where}.{key}")
    elif isinstance(before, (list, tuple)):
        assert len(before) == len(after), where
        for i, (one, other) in enumerate(zip(before, after, strict=True)):
            assert_same(one, other, f"{where}[{i}]")
    else:
        assert before == after, where


def first_batch(loader):
    """First batch that a training would see, with the random numbers put back."""
    state = torch.get_rng_state(), random.getstate(), np.random.get_state()  # noqa: NPY002
    batch = next(iter(loader))
    torch.set_rng_state(state[0])
    random.setstate(state[1])
    np.random.set_state(state[2])  # noqa: NPY002
    return batch
