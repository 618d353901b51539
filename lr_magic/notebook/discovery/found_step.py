"""A step with what the report says about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lr_magic.notebook.discovery.batch_items import spelled
from lr_magic.notebook.discovery.expressions import Expression
from lr_magic.notebook.discovery.supervised_step import SupervisedStep

if TYPE_CHECKING:
    from collections.abc import Callable

    from lr_magic.notebook.discovery.expressions import Metrics
    from lr_magic.notebook.discovery.guess import Guess, Situation
    from lr_magic.notebook.discovery.own_step.choose import OwnSteps, Tried
    from lr_magic.notebook.discovery.own_step.own_step import OwnStep
    from lr_magic.notebook.discovery.parts import Parts
    from lr_magic.training.setup import BatchOutcome


@dataclass(frozen=True)
class FoundStep:
    """A step that a loop can call.

    Attributes
    ----------
    compute_loss
        The step.
    description
        What it does, in the words of the report.
    guesses
        What was assumed, one line each.
    notes
        What is worth knowing, one line each.
    is_assumed
        True where a loop of the person's own could show that the step is another one: something about it was assumed,
        or their code could not be followed.
    """

    compute_loss: Callable[[Any], BatchOutcome]
    description: str
    guesses: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    is_assumed: bool = False


def own(tried: Tried, guess: Guess | None, step: OwnStep) -> FoundStep:
    """Return the person's own step; a guess that differs from it is mentioned."""
    followed = tried.followed
    notes = followed.notes
    plain_loss = tried.loss if guess is None else float(guess.valued.loss.detach())
    if guess is not None and abs(plain_loss - tried.loss) > 1e-4 * abs(tried.loss):
        plain = f"{guess.valued.reading.name} alone would give {plain_loss:.4g}"
        notes = (*notes, f"your own step gives {tried.loss:.4g} on the first batch; {plain}")
    return FoundStep(step, f"your own, from {followed.source.name}", notes=notes)


def guessed(guess: Guess, steps: OwnSteps, parts: Parts, metrics: Metrics | None, situation: Situation) -> FoundStep:
    """Return the step that was told from the objects alone.

    A criterion of the notebook that fits as it stands, on a batch that the model takes, is found, not assumed.
    """
    batch = situation.batches[0]
    step = SupervisedStep(
        model=parts.wiring.model.value,
        inputs=guess.inputs,
        loss=guess.valued.reading,
        metrics=metrics,
        measures_training=parts.valid is None,
    )
    notes = tuple(f"{source.name} was not followed: {reason}" for source, reason in steps.unfollowed[:2])
    guesses = _guesses(guess, batch)
    is_assumed = not situation.is_asked and bool(guesses or notes)
    words = _words(guess, parts.wiring.model.name, batch)
    if is_assumed and not notes:
        words += "; your loop was not seen"
    return FoundStep(step, words, guesses, notes, is_assumed)


def _words(guess: Guess, model: str, batch: object) -> str:
    call, loss, target = guess.inputs.spelled(model, batch), guess.valued.reading, guess.inputs.target
    if loss.loss_fn is None or isinstance(loss.loss_fn, Expression):
        return f"{call} → {loss.name}"
    return f"{call} → {loss.name}" + (f"(out, {spelled(target, batch)})" if target is not None else "")


def _guesses(guess: Guess, batch: object) -> tuple[str, ...]:
    unused = ", ".join(spelled(path, batch) for path in guess.inputs.unused)
    return (*guess.valued.reading.guesses, *([f"not used: {unused}"] if unused else []))
