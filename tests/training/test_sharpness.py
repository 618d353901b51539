from __future__ import annotations

from contextlib import suppress

import pytest
import torch
from torch import nn
from torch.autograd.function import once_differentiable

from lr_magic.pure.errors import SettingError
from lr_magic.pure.picture.lr_text import lr_text
from lr_magic.training.probing.lanczos import largest_eigenvalue
from lr_magic.training.probing.sharpness import measure_sharpness, stability_limit
from lr_magic.training.setup import TrainingSetup

from .fingerprint import fingerprint
from .kinds import KINDS
from .small_setups import small_setup


def quadratic_setup(curvatures, optimizer):
    """Loss 0.5 x' diag(curvatures) x: its Hessian is known, and so is every stability limit."""
    model = nn.Linear(len(curvatures), 1, bias=False)
    weights = torch.tensor(curvatures)
    loader = [torch.zeros(1)]

    def compute_loss(_batch):
        from lr_magic.training.setup import BatchOutcome

        return BatchOutcome(0.5 * (weights * model.weight[0] ** 2).sum())

    return TrainingSetup(model, optimizer(model.parameters()), loader, compute_loss)


def exact_largest_eigenvalue(model, loss_fn, inputs, targets):
    """By the full Hessian of a small model."""
    names, values = zip(*model.named_parameters(), strict=True)
    shapes = [value.shape for value in values]

    def loss_of(flat):
        parts = flat.split([shape.numel() for shape in shapes])
        parameters = {name: part.view(shape) for name, part, shape in zip(names, parts, shapes, strict=True)}
        return loss_fn(torch.func.functional_call(model, parameters, (inputs,)), targets)

    flat = torch.cat([value.detach().flatten() for value in values])
    return torch.linalg.eigvalsh(torch.autograd.functional.hessian(loss_of, flat))[-1].item()


def test_lanczos_finds_a_known_eigenvalue():
    generator = torch.Generator().manual_seed(0)
    root = torch.randn(40, 40, generator=generator, dtype=torch.float64)
    matrix = root @ root.T
    found = largest_eigenvalue(lambda v: [matrix @ v[0]], [torch.zeros(40, dtype=torch.float64)], 25)
    assert found == pytest.approx(torch.linalg.eigvalsh(matrix)[-1].item(), rel=1e-4)


def test_lanczos_takes_the_largest_not_the_most_negative():
    diagonal = torch.tensor([-5.0, 1.0, 2.0, 3.0])
    assert largest_eigenvalue(lambda v: [diagonal * v[0]], [torch.zeros(4)], 4) == pytest.approx(3.0, rel=1e-4)


def test_agrees_with_the_exact_hessian_of_a_small_network():
    torch.manual_seed(1)
    model = nn.Sequential(nn.Linear(5, 7), nn.Tanh(), nn.Linear(7, 3))
    inputs, targets = torch.randn(32, 5), torch.randint(3, (32,))
    loss_fn = nn.CrossEntropyLoss()
    setup = TrainingSetup.supervised(model, torch.optim.SGD(model.parameters(), lr=0.1), [(inputs, targets)], loss_fn)
    found = measure_sharpness(setup, num_batches=1, num_products=20)
    assert found.eigenvalue == pytest.approx(exact_largest_eigenvalue(model, loss_fn, inputs, targets), rel=1e-3)
    assert found.limit_lr == pytest.approx(2 / found.eigenvalue)


OPTIMIZERS = {
    "sgd": lambda p, lr=1.0: torch.optim.SGD(p, lr=lr),
    "momentum": lambda p, lr=1.0: torch.optim.SGD(p, lr=lr, momentum=0.9),
    "dampening": lambda p, lr=1.0: torch.optim.SGD(p, lr=lr, momentum=0.9, dampening=0.5),
    "nesterov": lambda p, lr=1.0: torch.optim.SGD(p, lr=lr, momentum=0.9, nesterov=True),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_limit_is_where_torchs_own_optimizer_blows_up(name):
    """Just below the limit a quadratic dies out, just above it grows."""
    found = measure_sharpness(quadratic_setup([0.5, 3.0, 8.0], OPTIMIZERS[name]), num_batches=1, num_products=6)

    def size_after(lr):
        setup = quadratic_setup([0.5, 3.0, 8.0], lambda p: OPTIMIZERS[name](p, lr))
        with torch.no_grad():
            setup.model.weight.fill_(1.0)
        for _ in range(600):
            setup.optimizer.zero_grad()
            setup.compute_loss(None).loss.backward()
            setup.optimizer.step()
        return setup.model.weight.abs().max().item()

    assert size_after(0.97 * found.limit_lr) < 1
    assert not size_after(1.03 * found.limit_lr) < 1e3


@pytest.mark.parametrize(("name", "is_told"), [("sgd", False), ("momentum", True), ("nesterov", False)])
def test_with_momentum_the_reading_says_that_the_loss_blows_up_earlier(name, is_told):
    found = measure_sharpness(quadratic_setup([0.5, 3.0, 8.0], OPTIMIZERS[name]), num_batches=1, num_products=6)
    assert ("about 5 times lower" in found.sentence) == is_told
    if is_told:
        assert found.limit_lr == pytest.approx(3.8 / 8)
        assert f"(near {lr_text(0.2 * 3.8 / 8)})" in found.sentence


def test_adams_limit_with_its_second_moment_held_fixed():
    """Adam of a constant preconditioner: the recursion itself, below and above the limit."""
    beta1, curvature = 0.9, 4.0
    limit = stability_limit({"betas": (beta1, 0.999)}) / curvature

    def size_after(lr):
        weight, mean = 1.0, 0.0
        for _ in range(2000):
            mean = beta1 * mean + (1 - beta1) * curvature * weight
            weight -= lr * mean
        return abs(weight)

    assert size_after(0.97 * limit) < 1
    assert size_after(1.03 * limit) > 1e3


def test_adam_is_measured_through_its_preconditioner():
    """With second moments that equal the squared curvatures, the preconditioned Hessian is the identity."""
    curvatures = [0.5, 3.0, 8.0]
    setup = quadratic_setup(curvatures, lambda p: torch.optim.Adam(p, lr=1e-3))
    weight = setup.model.weight
    state = setup.optimizer.state[weight]
    state["step"] = torch.tensor(1000.0)
    state["exp_avg"] = torch.zeros_like(weight)
    state["exp_avg_sq"] = torch.tensor([curvatures]) ** 2 * (1 - 0.999**1000)
    found = measure_sharpness(setup, num_batches=1, num_products=4)
    assert found.eigenvalue == pytest.approx(1.0, rel=1e-3)
    assert found.limit_lr == pytest.approx(38.0, rel=1e-3)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_leaves_no_trace_whatever_is_trained(kind):
    setup = kind()
    before = fingerprint(setup)
    with suppress(SettingError):
        measure_sharpness(setup, num_batches=2, num_products=3)
    assert fingerprint(setup) == before


def test_gives_the_limits_of_several_batches_and_leaves_no_trace():
    setup = small_setup()
    before = fingerprint(setup)
    found = measure_sharpness(setup, num_batches=3)
    assert fingerprint(setup) == before
    assert (found.num_batches, found.batch_size) == (3, 16)
    low, high = found.limit_interval
    assert low <= found.limit_lr <= high


def test_a_loader_of_one_pass_may_hold_fewer_batches():
    batches = [(torch.randn(8, 6), torch.ones(8, dtype=torch.long)) for _ in range(2)]
    assert measure_sharpness(small_setup(loader=iter(batches))).num_batches == 2


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.projection = nn.Linear(6, 24)
        self.head = nn.Linear(8, 2)

    def forward(self, x):
        query, key, value = self.projection(x).view(1, 1, len(x), 24).split(8, dim=-1)
        attended = nn.functional.scaled_dot_product_attention(query, key, value)
        return self.head(attended[0, 0])


def test_attention_keeps_to_a_kernel_with_a_second_derivative():
    assert measure_sharpness(small_setup(model=Attention()), num_batches=1, num_products=3).eigenvalue > 0


class Halved(torch.autograd.Function):
    @staticmethod
    def forward(_, x):
        return x / 2

    @staticmethod
    @once_differentiable
    def backward(_, gradient):
        return gradient / 2


class HalvedLinear(nn.Linear):
    def forward(self, x):
        return Halved.apply(super().forward(x))


class WithoutGraph(nn.Linear):
    def forward(self, x):
        return super().forward(x).detach()


@pytest.mark.parametrize("kind", [HalvedLinear, WithoutGraph])
def test_a_loss_that_cannot_be_derived_twice_is_refused_in_words(kind):
    setup = small_setup(model=kind(6, 2))
    before = fingerprint(setup)
    with pytest.raises(SettingError, match="can be derived twice"):
        measure_sharpness(setup)
    assert fingerprint(setup) == before


def test_curved_downwards_everywhere_has_no_limit():
    found = measure_sharpness(quadratic_setup([-1.0, -2.0], OPTIMIZERS["sgd"]), num_batches=1)
    assert found.limit_lr is None
    assert found.limit_interval is None


def test_refusals():
    with pytest.raises(SettingError, match="num_products at least 2; got 1 and 1"):
        measure_sharpness(small_setup(), num_batches=1, num_products=1)
    with pytest.raises(SettingError, match="known for SGD and Adam"):
        measure_sharpness(small_setup(optimizer=torch.optim.RMSprop))
