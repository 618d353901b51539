"""The step told from the objects alone: every reading of batch and loss is tried, and two that work are a question."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import nn

from lr_magic.notebook.discovery import questions
from lr_magic.notebook.discovery.attempts import Failure, attempt_loss, why_not_a_loss
from lr_magic.notebook.discovery.batch_items import reach, spelled
from lr_magic.notebook.discovery.expressions import Expression, parse_expression
from lr_magic.notebook.discovery.forward_signature import ForwardSignature, is_target, signature_of
from lr_magic.notebook.discovery.guess import Guess, Situation, Unsound
from lr_magic.notebook.discovery.input_readings import missing_parameter, tiers_of_readings
from lr_magic.notebook.discovery.input_trials import Fed, feed
from lr_magic.notebook.discovery.leftovers import weighty
from lr_magic.notebook.discovery.loss_reading import LossReading
from lr_magic.notebook.discovery.loss_readings import Valued, criterion_readings, default_readings, own_reading
from lr_magic.notebook.discovery.spread_loss import spread_call
from lr_magic.notebook.discovery.untrained import untrained_output
from lr_magic.notebook.discovery.why_no_loss import why_no_loss
from lr_magic.training.layers.layer_units import unwrapped

if TYPE_CHECKING:
    from collections.abc import Sequence


def guess_step(situation: Situation) -> Guess:
    """Find the one reading that works on the trial batches.

    Raises
    ------
    DiscoveryError
        Where none works, or several do and differ.
    """
    model, batch = unwrapped(situation.model.value), situation.batches[0]
    if isinstance(model, (nn.ModuleDict, nn.ModuleList)):
        raise questions.several_modules(situation.model.name, situation.magic)
    signature = signature_of(model)
    if (parameter := missing_parameter(batch, signature)) is not None:
        raise questions.missing_input(situation.model.name, parameter, batch, situation.magic)
    fed: list[Fed] = []
    for tier in tiers_of_readings(batch, signature):
        results = [feed(model, reading, batch) for reading in tier]
        situation.failures.extend(result for result in results if isinstance(result, Failure))
        accepted = [result for result in results if isinstance(result, Fed)]
        fed += accepted
        if working := _working(situation, signature, accepted):
            guess = _checked_for_leftovers(_the_one(working, situation), situation)
            return _checked_for_untrained(guess, accepted, situation)
    if not fed:
        failed = situation.failures
        reason = failed[0].reason if failed else "no part of it fits the parameters of forward."
        raise questions.no_input_reading(situation.model.name, batch, reason, situation.magic)
    raise why_no_loss(situation, fed[0].output, fed[0].inputs.target_of(batch))


def _working(situation: Situation, signature: ForwardSignature, accepted: Sequence[Fed]) -> list[Guess]:
    """Pair every accepted reading with the losses that it allows, in the order own, criterion, default."""
    if (expression := situation.expression) is not None:
        return _sound([g for f in accepted for g in _by_expression(expression, situation, f)], situation)
    own_losses = [] if situation.is_asked else [Guess(f.inputs, v) for f in accepted for v in _own(signature, f)]
    own = _sound(own_losses, situation)
    compared = [_with_target(f) for f in accepted]
    by_criterion = _sound([Guess(f.inputs, v) for f in compared for v in _by_criterion(situation, f)], situation)
    if own or by_criterion:
        if not own and situation.unusable:
            unclear = situation.unusable[0].name
            raise questions.other_loss(by_criterion[0].valued.reading.answer, unclear, situation.magic)
        # Both can be meant: a weighted criterion on the logits of a model that also computes a loss.
        return [*own[:1], *by_criterion]
    if situation.unusable:
        return _sound([g for f in accepted for g in _by_spreading(situation, f)], situation)
    if situation.criteria:
        return []
    return _sound([Guess(f.inputs, v) for f in compared for v in _by_default(situation, f)], situation)


def _by_spreading(situation: Situation, fed: Fed) -> list[Guess]:
    """Call the losses that take a tuple of outputs apart, where the names of their parameters say how."""
    found = []
    for loss in situation.unusable:
        text = spread_call(loss, fed.output, unwrapped(situation.model.value))
        if text is not None:
            batch, magic = situation.batches[0], situation.magic
            expression = parse_expression(text, situation.namespace, batch, option="--loss", magic=magic)
            if isinstance(expression, Expression):
                found += _by_expression(expression, situation, fed, guesses=(f"assumed: {text}",))
    return found


def _by_expression(
    expression: Expression, situation: Situation, fed: Fed, guesses: tuple[str, ...] = ()
) -> list[Guess]:
    batch = situation.batches[0]
    loss = attempt_loss(lambda: expression(fed.output, fed.inputs.target_of(batch), batch))
    if isinstance(loss, torch.Tensor):
        reading = LossReading(expression.text, expression.text, expression, guesses=guesses)
        return [Guess(fed.inputs, Valued(reading, loss))]
    situation.failures.append(loss if isinstance(loss, Failure) else Failure(f"it gives {type(loss).__name__}"))
    return []


def _own(signature: ForwardSignature, fed: Fed) -> list[Valued]:
    given = [*signature.names[: len(fed.inputs.args)], *(name for name, _ in fed.inputs.kwargs)]
    return own_reading(fed.output, was_given_target=any(is_target(name) for name in given))


def _by_criterion(situation: Situation, fed: Fed) -> list[Valued]:
    return criterion_readings(fed.output, fed.inputs.target_of(situation.batches[0]), situation.criteria)


def _by_default(situation: Situation, fed: Fed) -> list[Valued]:
    return default_readings(fed.output, fed.inputs.target_of(situation.batches[0]))


def _with_target(fed: Fed) -> Fed:
    """Let a target that goes into forward be compared with the output too: both can be meant."""
    given = next((path for name, path in fed.inputs.kwargs if is_target(name)), None)
    return fed if given is None else replace(fed, inputs=replace(fed.inputs, target=given))


def _sound(guesses: Sequence[Guess], situation: Situation) -> list[Guess]:
    """Keep the guesses whose loss can be trained on, on every trial batch."""
    sound = []
    for guess in guesses:
        reason = why_not_a_loss(guess.valued.loss, situation.parameters)
        of_rest = _why_not_on_the_rest(guess, situation) if reason is None else None
        if reason is None and of_rest is None:
            sound.append(guess)
        else:
            name, is_of_first_batch = guess.valued.reading.name, reason is not None
            situation.unsound.append(Unsound(name, reason or of_rest or "", is_of_first_batch=is_of_first_batch))
    return sound


def _why_not_on_the_rest(guess: Guess, situation: Situation) -> str | None:
    """Say why another trial batch gives no finite loss, if one does not: a first one may fit by chance."""
    model = unwrapped(situation.model.value)
    for batch in situation.batches[1:]:
        with torch.no_grad():
            value = attempt_loss(partial(_loss_of, guess, model, batch))
        if isinstance(value, Failure):
            return value.reason
        if not bool(torch.isfinite(value)):
            return "it is not finite"
    return None


def _loss_of(guess: Guess, model: nn.Module, batch: object) -> torch.Tensor:
    return guess.valued.reading.loss(guess.inputs.feed(model, batch), guess.inputs.target_of(batch), batch)


def _checked_for_leftovers(guess: Guess, situation: Situation) -> Guess:
    """Ask about a part of the batch that nothing uses but that a loss well might."""
    batch = situation.batches[0]
    left = weighty(guess.inputs.unused, batch)
    if left is None or situation.is_asked:
        return guess
    raise questions.left_over(spelled(left, batch), reach(batch, left), guess.valued.reading.answer, situation.magic)


def _checked_for_untrained(guess: Guess, accepted: Sequence[Fed], situation: Situation) -> Guess:
    """Ask about an output that has parameters of its own and no part in the loss."""
    if situation.is_asked or guess.valued.reading.loss_fn is None:
        return guess
    output = next(f.output for f in accepted if replace(f.inputs, target=guess.inputs.target) == guess.inputs)
    left = untrained_output(guess.valued.loss, output, situation.parameters)
    if left is None:
        return guess
    model, part = situation.model.name, spelled(left, output, "out")
    raise questions.untrained_output(model, part, guess.valued.reading.answer, situation.magic)


def _the_one(working: list[Guess], situation: Situation) -> Guess:
    first, *others = working
    differing = [other for other in others if not other.valued.agrees_with(first.valued)]
    if not differing:
        return first
    names = list(dict.fromkeys(g.valued.reading.answer for g in working))
    if len(names) > 1:
        raise questions.several_losses(names, situation.magic)
    calls = [_spelled(g, situation) for g in (first, differing[0])]
    raise questions.no_loss(f"Two readings of the batch work and differ: {' or '.join(calls)}.", situation.magic)


def _spelled(guess: Guess, situation: Situation) -> str:
    batch = situation.batches[0]
    return f"`{guess.valued.reading.name}` of {guess.inputs.spelled(situation.model.name, batch)}"
