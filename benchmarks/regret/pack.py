"""Pack generated tasks into the file that the benchmark reads: ``python -m benchmarks.regret.pack FOLDER``."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from benchmarks.regret.store import OWN, pack
from benchmarks.regret.tasks import all_tasks


def main(folder: Path) -> None:
    groups = {}
    for task in all_tasks():
        path = folder / f"{task.name}.npz"
        if path.exists():
            with np.load(path) as packed:
                # The losses after each step did not help (docs/suggestion.md); they are not kept.
                groups[task.name] = {key: packed[key] for key in packed.files if not key.endswith("_after")}
    pack({name: _compact(arrays) for name, arrays in groups.items()}, OWN)
    print(f"{len(groups)} tasks, {OWN.stat().st_size / 1e6:.1f} MB")


def _compact(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Losses in single precision with twelve bits of mantissa: four digits, which pack well."""
    return {key: value if "lrs" in key or key == "grid" else _rounded(value) for key, value in arrays.items()}


def _rounded(values: np.ndarray) -> np.ndarray:
    single = values.astype(np.float32)
    rounded = ((single.view(np.uint32) + 0x400) & np.uint32(0xFFFFF800)).view(np.float32)
    return np.where(np.isfinite(single), rounded, np.float32(np.nan))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
