"""The tasks: a list drawn once from a seed, varied in data, model, width, optimizer, batch, noise and length."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

COSTLY = ("cnn", "gru", "transformer")  # fewer seeds, no training at four times the length


@dataclass(frozen=True)
class Task:
    """One training problem; `lengths` are the trainings whose best rate is wanted, in optimizer steps."""

    name: str
    source: str
    model: str
    optimizer: str
    weight_decay: float
    batch_size: int
    steps: int
    seed: int
    start: str = "fresh"
    num_seeds: int = 3

    @property
    def is_adam(self) -> bool:
        """Whether the optimizer is of the Adam kind."""
        return self.optimizer.startswith("adam")

    @property
    def family(self) -> str:
        """Kind of problem."""
        return self.name.split("-")[0]

    @property
    def has_long_training(self) -> bool:
        """Whether four times the length is trained as well: most of the time goes there."""
        number = int(self.name.split("-")[1])
        return self.family not in COSTLY and (number < 4 or number % 2 == 0)


# family: sources, models, batch sizes, usual steps
_FAMILIES: dict[str, tuple[list[str], list[str], list[int], tuple[int, int]]] = {
    "tabular": (
        ["shipped:wine", "shipped:breast_cancer", "shipped:digits", "teacher:classes", "noisy_labels:digits",
         "noisy_labels:teacher"],
        ["mlp:32", "mlp:64,64", "mlp:128,128", "mlp:32,32:tanh", "mlp:64,64:gelu:layer", "mlp:64,64:relu:batch",
         "mlp:48,48,48,48,48", "mlp:256"],
        [16, 32, 64, 128],
        (120, 400),
    ),
    "regression": (
        ["diabetes:raw", "diabetes:unit", "teacher:raw", "teacher:unit", "teacher:scaled"],
        ["mlp:32,32", "mlp:64", "mlp:64,64:tanh", "mlp:64,64:relu:layer", "mlp:32,32,32"],
        [16, 32, 64],
        (150, 500),
    ),
    "linear": (
        ["linear:hard", "linear:mild", "linear:hard-logistic", "linear:mild-logistic", "shipped:digits"],
        ["mlp:"],
        [16, 32, 64],
        (200, 700),
    ),
    "autoencoder": (["autoencoder:"], ["mlp:32,8,32", "mlp:64,16,64:tanh", "mlp:128,32,128"], [32, 64], (150, 400)),
    "factors": (["ratings:0.4", "ratings:1.0"], ["factors:6:0.1", "factors:12:0.05", "factors:8:0.3"], [128, 256],
                (250, 500)),
    "words": (["words:"], ["bag:32", "bag:64"], [32, 64], (150, 350)),
    "cnn": (["images:"], ["cnn:6", "cnn:6:batch", "cnn:10:batch"], [32, 64], (100, 180)),
    "gru": (["characters:20"], ["gru:40", "lstm:40", "lstm:64"], [16, 24], (150, 240)),
    "transformer": (["characters:24"], ["transformer:32", "transformer:24:2"], [12, 16], (150, 260)),
}  # fmt: skip

_COUNTS = {
    "tabular": 42, "regression": 24, "linear": 16, "autoencoder": 10, "factors": 12, "words": 10, "cnn": 10, "gru": 7,
    "transformer": 7,
}  # fmt: skip

_OPTIMIZERS = (("sgd", 0.0), ("sgdm", 0.0), ("sgdm", 5e-4), ("adam", 0.0), ("adamw", 1e-2), ("adamw", 1e-1))
_OPTIMIZER_SHARE = (0.17, 0.23, 0.1, 0.22, 0.2, 0.08)
# Sequence models are mostly trained with Adam; they take turns.
_SEQUENCE_OPTIMIZERS = (("sgdm", 0.0), ("adamw", 1e-2), ("adam", 0.0), ("adamw", 1e-2))


def _draw(family: str, number: int, rng: np.random.Generator) -> Task:
    sources, models, batch_sizes, (fewest, most) = _FAMILIES[family]
    optimizer, weight_decay = _OPTIMIZERS[rng.choice(len(_OPTIMIZERS), p=_OPTIMIZER_SHARE)]
    if family in ("gru", "transformer"):
        optimizer, weight_decay = _SEQUENCE_OPTIMIZERS[number % len(_SEQUENCE_OPTIMIZERS)]
    may_be_tuned = family in ("tabular", "cnn", "gru")
    return Task(
        name=f"{family}-{number:02d}",
        source=str(rng.choice(sources)),
        model=str(rng.choice(models)),
        optimizer=optimizer,
        weight_decay=weight_decay,
        batch_size=int(rng.choice(batch_sizes)),
        steps=int(np.exp(rng.uniform(np.log(fewest), np.log(most)))),
        seed=int(rng.integers(1000)),
        # Fine-tuning: trained on other labels before (a new head), or on the same for a short while.
        start=str(rng.choice(["fresh", "new_head", "part_trained"], p=[0.76, 0.14, 0.1])) if may_be_tuned else "fresh",
        num_seeds=2 if family in COSTLY else 3,
    )


def all_tasks() -> list[Task]:
    """Tasks in an order in which the families take turns, so that a part of them is a fair sample."""
    rng = np.random.default_rng(20)
    drawn = {family: [_draw(family, i, rng) for i in range(count)] for family, count in _COUNTS.items()}
    places = {task: (i + 0.5) / len(tasks) for tasks in drawn.values() for i, task in enumerate(tasks)}
    return sorted(places, key=places.__getitem__)
