"""Everything a run could change, as bytes and plain values: two equal fingerprints mean that nothing changed."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator

import numpy as np
import torch

from .small_setups import place


def fingerprint(setup):
    model, optimizer, loader = setup.model, setup.optimizer, setup.train_loader
    return {
        "state": {name: bytes_of(tensor) for name, tensor in model.state_dict().items()},
        "buffers": {name: bytes_of(tensor) for name, tensor in model.named_buffers()},
        "identities": [(name, id(p), address_of(p), type(p)) for name, p in model.named_parameters()],
        "requires_grad": [p.requires_grad for p in model.parameters()],
        "grads": [None if p.grad is None else (id(p.grad), bytes_of(p.grad)) for p in model.parameters()],
        "modules": [
            (id(m), type(m), m.training, tuple(m._forward_hooks), tuple(m._forward_pre_hooks)) for m in model.modules()
        ],
        "attributes": [{name: plain_attribute(value) for name, value in vars(m).items()} for m in model.modules()],
        "scripted": [attributes_of_scripted(m) for m in model.modules() if isinstance(m, torch.jit.ScriptModule)],
        "schedulers": [plain(each.state_dict()) for each in schedulers_of(model)],
        "loader": {name: plain_attribute(value) for name, value in vars(loader).items()}
        if hasattr(loader, "__dict__")
        else {},
        "sampler": {name: plain_attribute(value) for name, value in vars(getattr(loader, "sampler", object)).items()},
        "dataset": {name: plain_attribute(value) for name, value in vars(getattr(loader, "dataset", object)).items()},
        "groups": [
            (id(g), {k: plain(v) for k, v in g.items() if k != "params"}, list(map(id, g["params"])))
            for g in optimizer.param_groups
        ],
        "optimizer_state": [(id(p), {k: plain(v) for k, v in s.items()}) for p, s in optimizer.state.items()],
        "optimizer_attributes": {k: id(v) for k, v in vars(optimizer).items()},
        "step_hooks": (list(optimizer._optimizer_step_pre_hooks), list(optimizer._optimizer_step_post_hooks)),
        "rng": random_numbers(),
        "generator": generator_of(loader),
        "scaler": None if setup.scaler is None else plain(setup.scaler.state_dict()),
    }


def random_numbers():
    return (
        random.getstate(),
        plain_numpy(np.random.get_state()),  # noqa: NPY002
        bytes_of(torch.get_rng_state()),
        b"" if place.device.type == "cpu" else bytes_of(torch.get_device_module(place.device).get_rng_state()),
    )


def address_of(tensor):
    return None if isinstance(tensor, torch.nn.parameter.UninitializedTensorMixin) else tensor.data_ptr()


def bytes_of(tensor):
    if isinstance(tensor, torch.nn.parameter.UninitializedTensorMixin):
        return "uninitialized"
    if not isinstance(tensor, torch.Tensor):
        return repr(tensor)
    if tensor.is_quantized:
        return bytes_of(tensor.int_repr())
    return (
        str(tensor.dtype),
        tuple(tensor.shape),
        _bytes(tensor),
    )


def _bytes(tensor):
    # A copy: NumPy makes the memory it looks at unresizable, which observers of quantisation do not survive.
    if tensor.layout != torch.strided:
        tensor = tensor.to_dense()
    return tensor.detach().cpu().clone().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()


def plain_attribute(value):
    """Numbers, short lists, random sources and what iterators have ahead by value, everything else by its kind."""
    for kinds, read in _READERS:
        if isinstance(value, kinds):
            return read(value)
    return (type(value), tuple(map(id, value))) if isinstance(value, (list, dict)) else type(value)


_READERS = (
    (np.ndarray, lambda array: array.tobytes()),
    (torch.Tensor, bytes_of),
    ((torch.Generator, np.random.RandomState), lambda source: repr(source.get_state())),
    (np.random.Generator, lambda source: repr(source.bit_generator.state)),
    ((int, float, str), lambda value: value),
    (Iterator, lambda iterator: list(copy.deepcopy(iterator))),
)


def attributes_of_scripted(module):
    values = {name: getattr(module, name) for name in module._concrete_type.get_attributes()}
    return {name: (id(value) if torch.is_tensor(value) else None, plain(value)) for name, value in values.items()}


def schedulers_of(model):
    find = getattr(model, "scheduler_of_the_notebook", None)
    return [] if find is None else [find()]


def plain(value):
    if isinstance(value, torch.Tensor):
        return bytes_of(value)
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value


def plain_numpy(state):
    return (state[0], state[1].tobytes(), *state[2:])


def generator_of(loader):
    generator = getattr(loader, "generator", None)
    return None if generator is None else bytes_of(generator.get_state())


def trained(setup):
    """What a training leaves, without the identities of its objects: for comparing two trainings."""
    return {
        "state": {name: bytes_of(tensor) for name, tensor in setup.model.state_dict().items()},
        "optimizer": plain(setup.optimizer.state_dict()),
        "rng": random_numbers(),
    }
