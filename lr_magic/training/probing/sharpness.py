"""Curvature as a second opinion: the largest eigenvalue of the Hessian, and the rate at which it turns unstable."""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch

from lr_magic.pure.errors import SettingError
from lr_magic.pure.results.sharpness import Sharpness
from lr_magic.training.batches import BatchSource, EndOfBatches, count_samples
from lr_magic.training.probing.lanczos import largest_eigenvalue
from lr_magic.training.probing.second_derivative import refuse_once_derivable, refuse_without_graph, twice_derivable
from lr_magic.training.restoring.restore import restored
from lr_magic.training.setup import refuse_misplaced_model

if TYPE_CHECKING:
    from lr_magic.training.probing.lanczos import Tensors
    from lr_magic.training.setup import TrainingSetup

# Smallest root of a second moment that is guessed from one batch, as a share of the tensor's mean one.
_SMALLEST_SHARE = 0.1
# With momentum sweeps rise at a fifth of the limit, in the median over many tasks (docs/suggestion.md): it holds for a
# gradient without noise and a curvature that stays.
_BLOW_UP_SHARE_OF_MOMENTUM = 0.2


def measure_sharpness(setup: TrainingSetup, *, num_batches: int = 4, num_products: int = 12) -> Sharpness:
    """Measure the curvature at `setup.model`'s present weights; everything is put back.

    Parameters
    ----------
    setup
        What is trained; its optimizer decides which curvature counts and what it allows.
    num_batches
        Batches to measure, one at a time, >= 1.
    num_products
        Hessian-vector products per batch, >= 2; each costs about two steps.

    Raises
    ------
    SettingError
        If a number is out of its range, the optimizer is neither of the SGD nor of the Adam kind, or the loss cannot
        be derived twice.
    BatchError
        If the loader yields nothing.
    """
    if num_batches < 1 or num_products < 2:
        raise SettingError(
            f"num_batches must be at least 1 and num_products at least 2; got {num_batches} and {num_products}."
        )
    groups = setup.optimizer.param_groups
    limit, share = stability_limit(groups[0]), blow_up_share(groups[0])
    refuse_misplaced_model(setup)
    with restored(setup), twice_derivable():
        if not setup.model.training:
            setup.model.train()
        source = BatchSource(setup.train_loader, setup.target_device)
        try:
            found = _measure(setup, source, num_batches, num_products, limit)
            return replace(found, blow_up_share=share)
        finally:
            source.close()


def _measure(setup: TrainingSetup, source: BatchSource, num_batches: int, num_products: int, limit: float) -> Sharpness:
    batch = source.next()
    batch_size, found = count_samples(batch), [_eigenvalue_of_batch(setup, batch, num_products)]
    with suppress(EndOfBatches):  # a loader of one pass may hold fewer
        while len(found) < num_batches:
            found.append(_eigenvalue_of_batch(setup, source.next(), num_products))
    return _summary(found, limit, batch_size)


def _summary(eigenvalues: list[float], limit: float, batch_size: int) -> Sharpness:
    mean, num_batches = sum(eigenvalues) / len(eigenvalues), len(eigenvalues)
    if not (mean > 0 and math.isfinite(mean)):
        return Sharpness(mean, None, None, num_batches, batch_size)
    least = max(min(eigenvalues), 1e-3 * mean)
    return Sharpness(mean, limit / mean, (limit / max(eigenvalues), limit / least), num_batches, batch_size)


def stability_limit(group: dict[str, Any]) -> float:
    """Largest stable product of rate and eigenvalue for the optimizer of a param group, on a quadratic.

    ======================  =====================================
    SGD                     2
    SGD, momentum m         2 (1 + m)   [over 1 - dampening]
    SGD, Nesterov           (2 + 2 m) / (1 + 2 m)
    Adam, beta1 b           (2 + 2 b) / (1 - b), on the preconditioned Hessian
    ======================  =====================================

    Where the characteristic polynomial of the recursion has a root at -1; for Adam with its second moment held fixed
    (Cohen et al. 2022, "Adaptive Gradient Methods at the Edge of Stability", arXiv 2207.14484).

    Raises
    ------
    SettingError
        If the group is neither SGD's nor Adam's.
    """
    if "betas" in group:
        beta1 = float(group["betas"][0])
        return (2 + 2 * beta1) / (1 - beta1)
    if "momentum" not in group or "alpha" in group:
        raise SettingError("The stability limit is known for SGD and Adam; this optimizer is of neither kind.")
    momentum = float(group["momentum"])
    if group.get("nesterov"):
        return (2 + 2 * momentum) / (1 + 2 * momentum)
    # The first step is not damped, but the limit is about all that follow; plain SGD has no damping at all.
    damping = float(group.get("dampening", 0.0)) if momentum else 0.0
    return 2 * (1 + momentum) / (1 - damping)


def blow_up_share(group: dict[str, Any]) -> float:
    """Share of the limit at which sweeps mostly blow up: 0.2 with SGD's undamped momentum, 1 for all others."""
    is_momentum = group.get("momentum", 0.0) and not (group.get("nesterov") or group.get("dampening"))
    return _BLOW_UP_SHARE_OF_MOMENTUM if is_momentum else 1.0


def _eigenvalue_of_batch(setup: TrainingSetup, batch: object, num_products: int) -> float:
    parameters = [p for group in setup.optimizer.param_groups for p in group["params"] if p.requires_grad]
    random_state = torch.get_rng_state()

    def gradient() -> Tensors:
        # The same dropout in each product: the Hessian is that of one function.
        torch.set_rng_state(random_state)
        loss = setup.compute_loss(batch).loss
        refuse_without_graph(loss)
        grads = torch.autograd.grad(loss, parameters, create_graph=True, allow_unused=True, materialize_grads=True)
        refuse_once_derivable(grads)
        return [grad.to_dense() if grad.is_sparse else grad for grad in grads]

    grads = gradient()
    scales = _scales(setup, parameters, grads)

    def product(vector: Tensors) -> Tensors:
        inner = sum((g * s * v).sum() for g, s, v in zip(grads, scales, vector, strict=True))
        if not (isinstance(inner, torch.Tensor) and inner.requires_grad):
            return [torch.zeros_like(v) for v in vector]
        hvp = torch.autograd.grad(inner, parameters, retain_graph=True, allow_unused=True, materialize_grads=True)
        return [s * (h.to_dense() if h.is_sparse else h).detach() for s, h in zip(scales, hvp, strict=True)]

    return largest_eigenvalue(product, parameters, num_products)


def _scales(setup: TrainingSetup, parameters: Tensors, grads: Tensors) -> Tensors:
    """Square roots of each parameter's own rate, as a share of the highest group's: D in D H D."""
    groups = setup.optimizer.param_groups
    highest = max(float(group["lr"]) for group in groups) or 1.0
    shares = {id(p): float(group["lr"]) / highest or 1.0 for group in groups for p in group["params"]}
    scales = []
    for parameter, grad in zip(parameters, grads, strict=True):
        share = torch.full_like(parameter, shares[id(parameter)], requires_grad=False)
        if "betas" in groups[0]:
            share = share / (_root_second_moment(setup, parameter, grad.detach()) + float(groups[0]["eps"]))
        scales.append(share.detach().sqrt())
    return scales


def _root_second_moment(setup: TrainingSetup, parameter: torch.Tensor, grad: torch.Tensor) -> torch.Tensor:
    """Root of Adam's second moment, bias-corrected; before the first step that of the batch's own gradient."""
    state = setup.optimizer.state.get(parameter, {})
    if "exp_avg_sq" not in state:
        # A gradient that happens to be zero in one batch would make its direction infinitely sharp.
        return grad.abs().clamp_min(_SMALLEST_SHARE * float(grad.square().mean().sqrt()))
    beta2 = float(setup.optimizer.param_groups[0]["betas"][1])
    root: torch.Tensor = (state["exp_avg_sq"] / (1 - beta2 ** float(state["step"]))).sqrt()
    return root
