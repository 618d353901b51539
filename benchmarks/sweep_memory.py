"""Memory of one sweep in a process of its own: ``python -m benchmarks.sweep_memory bare|lr_magic|torch-lr-finder``.

To be run with ``MALLOC_MMAP_THRESHOLD_=65536``, so that large pieces that are freed go back to the system at once; else
figures differ by twenty MiB from process to process.
"""

from __future__ import annotations

import ctypes
import gc
import re
import resource
import sys
from pathlib import Path

import torch

from benchmarks.peer_finders import PEERS_FOLDER, silence
from lr_magic import TrainingSetup, range_test

MIB = 2**20


def tensor_bytes() -> int:
    """Bytes of all tensors that are alive, each memory once."""
    gc.collect()
    storages = {}
    for value in gc.get_objects():
        if type(value) in (torch.Tensor, torch.nn.Parameter):
            storages[value.untyped_storage().data_ptr()] = value.untyped_storage().nbytes()
    return sum(storages.values())


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def start_anew() -> None:
    """Give freed memory back to the system and forget the peak so far: both differ from process to process."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")


def peak_bytes() -> int:
    # Not getrusage: its maximum outlives exec, so it would be that of the parent process.
    found = re.search(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text())
    return int(found.group(1)) * 1024 if found else 0


def sweep_something_small() -> None:
    """Load whatever a first sweep loads."""
    model = torch.nn.Linear(2, 2)
    optimizer = torch.optim.Adam(model.parameters(), foreach=False)
    batches = [(torch.randn(2, 2), torch.randn(2, 2))]
    range_test(TrainingSetup.supervised(model, optimizer, batches, torch.nn.MSELoss()), num_steps=5)


def main() -> None:
    tool = sys.argv[1]
    torch.set_num_threads(1)
    width = 1024
    model = torch.nn.Sequential(*(torch.nn.Linear(width, width) for _ in range(8)))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, foreach=False)
    batches = [(torch.randn(8, width), torch.randn(8, width))] * 20
    loss_fn = torch.nn.MSELoss()

    def bare(num_steps: int = 20) -> None:
        for x, y in batches[:num_steps]:
            optimizer.zero_grad()
            loss_fn(model(x), y).backward()
            optimizer.step()

    sweep_something_small()
    bare(2)
    optimizer.zero_grad()
    tensors_before = tensor_bytes()
    start_anew()
    resident_before = resident_bytes()
    if tool == "bare":
        bare()
        optimizer.zero_grad()
    elif tool == "lr_magic":
        range_test(TrainingSetup.supervised(model, optimizer, batches, loss_fn), num_steps=20, end_lr=1e-3)
    else:
        sys.path.append(str(PEERS_FOLDER))
        from torch_lr_finder import LRFinder  # noqa: PLC0415 - may be missing

        loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(*(t.repeat(20, 1) for t in batches[0])), 8)
        tensors_before = tensor_bytes()
        with silence():
            finder = LRFinder(model, optimizer, loss_fn, device="cpu")
            finder.range_test(loader, end_lr=1e-3, num_iter=20)
            finder.reset()
        optimizer.zero_grad()
    print(f"{(peak_bytes() - resident_before) / MIB:.1f} {(tensor_bytes() - tensors_before) / MIB:.0f}")


if __name__ == "__main__":
    main()
