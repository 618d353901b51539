"""Everything that is compared: rules, constants, a peer's rule on our sweeps, and trial trainings."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.regret.store import PEERS
from lr_magic.pure.curve_reading.curve import Curve, read_points
from lr_magic.pure.curve_reading.suggestion import RULES, check_has_answer
from lr_magic.pure.errors import NoSuggestionError
from lr_magic.pure.results.comparison_result import ComparisonResult, Trial, next_lr
from lr_magic.pure.results.stop_reason import StopReason

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.regret.store import Sweep, TaskData

    # Task, number of the sweep, length as a factor of the task's steps -> rate, or None for no answer.
    Suggester = Callable[[TaskData, int, float], float | None]

STEP = 10 ** (1 / 3)


@lru_cache(maxsize=4096)
def _curve(lrs: bytes, losses: bytes) -> Curve | None:
    try:
        curve = read_points(np.frombuffer(lrs), np.frombuffer(losses))
        check_has_answer(curve)
    except NoSuggestionError:
        return None
    return curve


def curve_of(sweep: Sweep) -> Curve | None:
    """Return the curve of a sweep, or None where it carries no answer."""
    lrs, losses = (np.ascontiguousarray(part, dtype=np.float64) for part in sweep)
    return _curve(lrs.tobytes(), losses.tobytes())


def by_rule(rule: str, *, knows_length: bool = True, knows_optimizer: bool = True) -> Suggester:
    def suggest(task: TaskData, number: int, length: float) -> float | None:
        curve = curve_of(task.sweeps[number])
        steps = round(length * task.steps) if knows_length else None
        return None if curve is None else RULES[rule](curve, steps, task.kind if knows_optimizer else None)

    return suggest


def constant(adam: float, sgd: float) -> Suggester:
    return lambda task, _number, _length: adam if task.is_adam else sgd


def lagged_minimum(task: TaskData, number: int, _length: float) -> float | None:
    """Return argmin / 10 of an exponential average (0.98), stopped at four times its lowest: fastai's `minimum`."""
    lrs, losses = task.sweeps[number]
    finite = np.isfinite(losses).cumprod().astype(bool)
    averages, mean = [], 0.0
    for i, loss in enumerate(losses[finite]):
        mean = 0.98 * mean + 0.02 * loss
        averages.append(mean / (1 - 0.98 ** (i + 1)))
        if averages[-1] > 4 * min(averages):
            break
    trimmed = averages[10:-5]
    return float(lrs[10 + int(np.argmin(trimmed))]) / 10 if trimmed else None


def stored(peer: str) -> Suggester:
    return lambda task, number, _length: task.peers[peer][number % len(task.peers[peer])]


def comparison(first: Suggester, num_trials: int = 3, share: float = 0.25) -> Suggester:
    """Trial trainings of a share of the length around a first answer, by the stored trainings of one seed."""

    def suggest(task: TaskData, number: int, length: float) -> float | None:
        lr = first(task, number, length)
        if lr is None:
            return None
        trials: tuple[Trial, ...] = ()
        while len(trials) < num_trials:
            rate = lr if not trials else next_lr(trials, STEP)
            loss = _trial_loss(task, number, share * length, rate)
            trials = (*trials, Trial(rate, (), loss, StopReason.COMPLETED))
        steps = task.steps
        num_trial_steps, num_steps = round(share * length * steps), round(length * steps)
        return ComparisonResult(trials, num_trial_steps, num_steps, optimizer_kind=task.kind).lr

    return suggest


def _trial_loss(task: TaskData, number: int, length: float, lr: float) -> float:
    truth = task.truths[min(task.truths, key=lambda known: abs(np.log(known / length)))]
    losses = truth.losses[:, number % truth.losses.shape[1]]
    # Between a rate that works and one that diverged, the higher one decides.
    logs = np.log(np.maximum(np.where(np.isfinite(losses), losses, np.inf), 1e-12))
    found = np.interp(np.log(lr), np.log(truth.grid), logs)
    return float(np.exp(found)) if np.isfinite(found) else np.inf


def suggesters(*, has_peers: bool) -> dict[str, Suggester]:
    """Return everything that is compared, by the name in the table."""
    ours = by_rule("bottom")
    found: dict[str, Suggester] = {
        "**lr_magic `bottom`** (default)": ours,
        "`bottom`, length unknown": by_rule("bottom", knows_length=False),
        "`bottom`, optimizer unknown": by_rule("bottom", knows_optimizer=False),
        "`minimum` of lr_magic": by_rule("minimum"),
        "`valley` of lr_magic": by_rule("valley"),
        "`steepest` of lr_magic": by_rule("steepest"),
        "argmin / 10 of an exponential average": lagged_minimum,
        "constant: Adam 1e-2, SGD 1e-1": constant(1e-2, 1e-1),
        "constant: Adam 1e-3, SGD 1e-2": constant(1e-3, 1e-2),
        "**comparison**: 3 trials of a quarter of the length": comparison(ours),
    }
    if has_peers:
        found.update({f"{label}, its own sweep": stored(peer) for peer, label in PEERS.items()})
    return found
