"""Ground truth on disk: one compact file for the generated tasks and one for the nine classic ones."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from benchmarks.regret.regret import Truth
from benchmarks.regret.tasks import all_tasks
from lr_magic.pure.curve_reading.optimizer_kind import OptimizerKind

DATA = Path(__file__).parent / "data"
OWN = DATA / "own_tasks.npz"
NINE = DATA / "nine_tasks.npz"
PEERS = {
    "fastai_valley": "fastai `valley` (its default)",
    "fastai_slide": "fastai `slide`",
    "fastai_minimum": "fastai `minimum`",
    "fastai_steep": "fastai `steep`",
    "lightning": "Lightning",
    "torch_lr_finder": "torch-lr-finder",
    "ignite": "ignite",
}
_LENGTH_FILES = {"full": 1.0, "f25": 0.25, "f10": 0.1}

_SGD_KINDS = {"sgd": OptimizerKind.SGD, "sgdm": OptimizerKind.MOMENTUM}

Sweep = tuple[np.ndarray, np.ndarray]


@dataclass
class TaskData:
    """What is known of a task: truths by length (a factor of `steps`), sweeps, and the peers' answers."""

    name: str
    optimizer: str
    steps: int
    truths: dict[float, Truth]
    sweeps: list[Sweep]
    other_sweeps: list[list[Sweep]] = field(default_factory=list)
    peers: dict[str, list[float | None]] = field(default_factory=dict)

    @property
    def is_adam(self) -> bool:
        """Whether the optimizer is of the Adam kind."""
        return "adam" in self.optimizer

    @property
    def kind(self) -> OptimizerKind:
        """Kind of optimizer."""
        return OptimizerKind.ADAM if self.is_adam else _SGD_KINDS[self.optimizer]

    @property
    def family(self) -> str:
        """Kind of problem."""
        return self.name.split("-")[0]


def _unpacked(arrays: dict[str, np.ndarray], name: str, optimizer: str, steps: int) -> TaskData:
    truths = {
        float(key[6:]): Truth(arrays["grid"], arrays[key], float(arrays["untrained" + key[5:]].mean()))
        for key in arrays
        if key.startswith("valid@")
    }
    others = [key[:-4] for key in arrays if key.startswith("other") and key.endswith("_lrs")]
    peers = {key[5:]: [lr if lr > 0 else None for lr in arrays[key].tolist()] for key in arrays if key[:5] == "peer_"}
    sweeps = [_pairs(arrays, prefix) for prefix in ("sweep", *sorted(others))]
    return TaskData(name, optimizer, steps, truths, sweeps[0], sweeps[1:], peers)


def _pairs(arrays: dict[str, np.ndarray], prefix: str) -> list[Sweep]:
    return list(zip(arrays[f"{prefix}_lrs"], arrays[f"{prefix}_losses"].astype(np.float64), strict=True))


def _grouped(path: Path) -> dict[str, dict[str, np.ndarray]]:
    groups: dict[str, dict[str, np.ndarray]] = {}
    with np.load(path) as packed:
        for key in packed.files:
            name, _, rest = key.partition("/")
            groups.setdefault(name, {})[rest] = packed[key]
    return groups


def own_tasks(path: Path = OWN) -> list[TaskData]:
    """Return the generated tasks, in the order of the list."""
    groups = _grouped(path)
    return [_unpacked(groups[t.name], t.name, t.optimizer, t.steps) for t in all_tasks() if t.name in groups]


def nine_tasks(path: Path = NINE) -> list[TaskData]:
    """Return the nine classic tasks, trained by plain torch loops, with the peers' own answers."""
    return [
        _unpacked(arrays, name, name.rsplit("_", 1)[1], int(arrays["steps"])) for name, arrays in _grouped(path).items()
    ]


def tasks_of_folder(folder: Path) -> list[TaskData]:
    """Return tasks stored as JSON: ``grid_TASK``, ``long4_TASK``, ``sweep_TASK`` and ``peers_TASK``."""
    names = sorted(path.stem[5:] for path in folder.glob("grid_*.json"))
    return [
        _unpacked(arrays, name, name.rsplit("_", 1)[1], int(arrays["steps"]))
        for name in names
        for arrays in [arrays_of_folder(folder, name)]
    ]


def arrays_of_folder(folder: Path, name: str) -> dict[str, np.ndarray]:
    """Return one task of a folder of JSON files in the form in which they are packed."""
    grid_file = json.loads((folder / f"grid_{name}.json").read_text())
    grids = {length: grid_file[key] for key, length in _LENGTH_FILES.items() if key in grid_file}
    long_path = folder / f"long4_{name}.json"
    if long_path.exists():
        long_file = json.loads(long_path.read_text())
        grids[4.0] = next(value for value in long_file.values() if isinstance(value, dict))
    rates = sorted(grids[1.0], key=float)
    found = {"grid": np.array([float(rate) for rate in rates]), "steps": np.array(grid_file["steps"])}
    for length, by_rate in grids.items():
        found[f"valid@{length:g}"] = _numbers([[run["valid"] for run in by_rate[rate]] for rate in rates])
        found[f"untrained@{length:g}"] = _numbers([[run["v0"] for run in by_rate[rate]] for rate in rates])
    sweeps = json.loads((folder / f"sweep_{name}.json").read_text())["raw"]
    found["sweep_lrs"] = np.array([sweep["lr"] for sweep in sweeps])
    found["sweep_losses"] = _numbers([sweep["loss"] for sweep in sweeps])
    return found | _peer_answers(folder / f"peers_{name}.json")


def _peer_answers(path: Path) -> dict[str, np.ndarray]:
    if not path.exists():
        return {}
    runs = json.loads(path.read_text())["runs"]
    return {f"peer_{peer}": _numbers([run.get(peer) for run in runs]) for peer in PEERS}


def _numbers(values: list) -> np.ndarray:
    """Numbers with NaN for null."""
    return np.array(values, dtype=np.float64).astype(np.float32)


def pack(groups: dict[str, dict[str, np.ndarray]], path: Path) -> None:
    """Write tasks into one file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(path, **{f"{name}/{key}": v for name, arrays in groups.items() for key, v in arrays.items()})
