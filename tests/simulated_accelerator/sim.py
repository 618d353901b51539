"""A simulated accelerator, `sim`, with two devices: ``make test-accelerator`` builds it and runs the tests on it.

It plugs into torch as new makes do (PrivateUse1). The host cannot read its memory, copies to the host arrive only when
somebody waits for them, freed memory turns into NaN, each device has random numbers of its own, and everything that
waits is counted. Its operators are computed by the CPU.
"""

from __future__ import annotations

from types import ModuleType

import torch  # isort: skip - loads the libraries that the next one needs

import _sim

torch.utils.rename_privateuse1_backend("sim")


def _index(device):
    if device is None or isinstance(device, int):
        return _sim.current_device() if device is None else device
    index = torch.device(device).index
    return _sim.current_device() if index is None else index


class _OnDevice:
    """Makes a device the current one for a while."""

    def __init__(self, device):
        self._index = _index(device)

    def __enter__(self):
        self._before = _sim.current_device()
        _sim.set_device(self._index)

    def __exit__(self, *_):
        _sim.set_device(self._before)


def _generator(device=None):
    return _sim.default_generator(_index(device))


def _manual_seed_all(seed):
    for index in range(_sim.device_count()):
        _generator(index).manual_seed(int(seed))


module = ModuleType("torch.sim")
module.__dict__.update(
    is_available=lambda: True,
    is_initialized=_sim.is_initialized,
    init=_sim.init,
    device_count=_sim.device_count,
    current_device=_sim.current_device,
    set_device=lambda device: _sim.set_device(_index(device)),
    device=_OnDevice,
    get_rng_state=lambda device=None: _generator(device).get_state(),
    set_rng_state=lambda state, device=None: _generator(device).set_state(state),
    manual_seed=lambda seed: _generator().manual_seed(int(seed)),
    manual_seed_all=_manual_seed_all,
    initial_seed=lambda: _generator().initial_seed(),
    set_sync_debug_mode=lambda mode: _sim.refuse_sync(mode == "error"),
    get_amp_supported_dtype=lambda: [torch.float16, torch.bfloat16],
    _is_in_bad_fork=lambda: False,
    control=_sim,  # counts, capacity, what is under way
)
torch._register_device_module("sim", module)
torch.utils.generate_methods_for_privateuse1_backend(for_storage=True)
