"""What is asked where the notebook does not say: one or two lines, ending in the command that answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lr_magic.notebook.discovery.describe import describe_batch, describe_params, describe_value
from lr_magic.notebook.discovery.typed_line import MODEL, cell_magic, typed_line
from lr_magic.pure.errors import DiscoveryError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lr_magic.notebook.discovery.candidates import Candidate


def _listed(names: Sequence[str], limit: int = 5) -> str:
    return ", ".join(f"`{name}`" for name in names[:limit]) + (", …" if len(names) > limit else "")


def _quoted(text: str) -> str:
    return f'"{text}"' if " " in text else text


def no_model(magic: str) -> DiscoveryError:
    """E1: nothing to train is visible."""
    return DiscoveryError(
        "I see no nn.Module with parameters in this notebook (one made inside a function, or by %run without -i, does "
        "not count).\n"
        f"→ `{cell_magic(magic)}` above your training cell, or `{typed_line(magic, MODEL, 'NAME')}`."
    )


def several_models(names: Sequence[str], magic: str) -> DiscoveryError:
    """E2: several models and no optimizer that tells which one is trained; `names` most recent first."""
    return DiscoveryError(
        f"There is no optimizer yet, and several models could be trained: {_listed(names, 7)}.\n"
        f"→ `{typed_line(magic, MODEL, names[0])}` (uses AdamW), or make the optimizer first."
    )


def several_optimizers(pairs: Sequence[tuple[str, str]], magic: str) -> DiscoveryError:
    """E3: several optimizers that train different things; a sweep moves one at a time."""
    shown = ", ".join(f"`{optimizer}` → `{model}`" for optimizer, model in pairs)
    option = f"--optimizer {pairs[0][0]}"
    return DiscoveryError(
        f"There are several optimizers: {shown}. A sweep moves the rate of one.\n"
        f"→ `%{magic} {option}`, or `{cell_magic(magic)} {option}` above your training cell."
    )


def step_in_parts(optimizer: str, parts: Sequence[str], magic: str) -> DiscoveryError:
    """Refuse the methods by which an optimizer makes a step in two: `first_step`, `second_step`."""
    shown = ", ".join(f"`{part}`" for part in parts)
    return DiscoveryError(
        f"`{optimizer}` makes its step in parts of its own ({shown}), between which the `for` form cannot tell where a "
        f"step begins and ends. → put `{cell_magic(magic)}` above the whole training cell."
    )


def no_train_loader(magic: str) -> DiscoveryError:
    """E4: no data to train on is visible."""
    return DiscoveryError(
        "I see no training loader in this notebook (one made inside a function does not count).\n"
        f"→ `%{magic} --train NAME`, or `{cell_magic(magic)}` above your training cell."
    )


def only_held_out(names: Sequence[str], magic: str) -> DiscoveryError:
    """E4: what there is looks like validation or test data."""
    verb = "looks" if len(names) == 1 else "look"
    return DiscoveryError(
        f"Every loader I see, {_listed(names)}, {verb} like validation or test data, and I do not train on that.\n"
        f"→ `%{magic} --train NAME`."
    )


def several_loaders(names: Sequence[str], magic: str) -> DiscoveryError:
    """Several loaders, and neither a name nor the cells tell which one is trained on."""
    return DiscoveryError(
        f"Several loaders could be the training data: {_listed(names)}. → `%{magic} --train {names[0]}`."
    )


def live_iterator(name: str, option: str, magic: str, loader: str | None = None) -> DiscoveryError:
    """E9: a one-shot iterator; it is never drawn from."""
    return DiscoveryError(
        f"`{name}` is an iterator that can be gone through once, and may be exhausted; I did not touch it. "
        f"→ `{typed_line(magic, option, loader or 'LOADER')}`, the loader it comes from."
    )


def empty_loader(name: str, option: str, magic: str) -> DiscoveryError:
    """Report a loader that yields nothing."""
    return DiscoveryError(
        f"`{name}` has length 0: it yields no batch (is the data set smaller than a batch, with drop_last?). "
        f"→ `{typed_line(magic, option, 'NAME')}`."
    )


def not_a(expected: str, text: str, value: object, option: str, magic: str) -> DiscoveryError:
    """Refuse an object of the wrong kind, saying what it is."""
    return DiscoveryError(
        f"`{text}` is {describe_value(value)}, not {expected}. → `{typed_line(magic, option, 'NAME')}` with {expected}."
    )


def optimizer_of_other_model(
    optimizer: str, model: str, owner: str | None, magic: str, *, own: str | None
) -> DiscoveryError:
    """Refuse an optimizer that holds no parameter of the model; `own` is the model's own optimizer, if there is one."""
    trains = f"it trains `{owner}`" if owner else "it holds other tensors"
    if own is not None:
        way_out = f"{typed_line(magic, MODEL, model)} --optimizer {own}"
    else:
        way_out = typed_line(magic, MODEL, owner) if owner else cell_magic(magic)
    return DiscoveryError(f"`{optimizer}` holds no parameter of `{model}`: {trains}. → `{way_out}`.")


def optimizer_of_former_model(optimizer: Candidate, model: str, magic: str) -> DiscoveryError:
    """E8: the optimizer updates what a model of this name was before it was made anew."""
    return DiscoveryError(
        f"`{optimizer.name}` holds parameters of a former `{model}`, none of the present one: run the cell that makes "
        f"`{optimizer.name}` again.\n→ `{typed_line(magic, MODEL, model)}` does without it (uses AdamW)."
    )


def optimizer_of_no_module(optimizer: Candidate, magic: str) -> DiscoveryError:
    """E8: the optimizer updates tensors that belong to no module of the notebook."""
    return DiscoveryError(
        f"`{optimizer.name}` holds {describe_params(optimizer.value)}, which is not the parameters of one module "
        f"of the notebook. → `{cell_magic(magic)}` above your training cell."
    )


def missing_input(model: str, parameter: str, batch: object, magic: str) -> DiscoveryError:
    """E5: forward needs something that the batch does not hold."""
    return DiscoveryError(
        f"`{model}.forward` needs `{parameter}`, which is not in the batch {describe_batch(batch)}; your loop seems "
        f"to make it.\n→ `{cell_magic(magic)} for batch in LOADER` with your step below it (it assigns `loss`)."
    )


def no_input_reading(model: str, batch: object, reason: str, magic: str) -> DiscoveryError:
    """E5: no way of feeding the batch to the model works."""
    return DiscoveryError(
        f"I cannot tell how `{model}` takes the batch {describe_batch(batch)}: {reason}\n"
        f"→ `{cell_magic(magic)} for batch in LOADER` with your step below it (it assigns `loss`)."
    )


def no_loss(situation: str, magic: str, example: str = "F.cross_entropy(out, y)") -> DiscoveryError:
    """E6, E7: the loss cannot be told."""
    return DiscoveryError(
        f'{situation}\n→ `%{magic} --loss "{example}"`, '
        f"or `{cell_magic(magic)} for batch in LOADER` with your step below it."
    )


def gradients_off(magic: str) -> DiscoveryError:
    """Report a place where nothing can be trained."""
    return DiscoveryError(
        "Gradients are switched off here (torch.no_grad, inference_mode or set_grad_enabled(False)), so nothing can be "
        f"trained.\n→ `%{magic}` outside of that, or after `torch.set_grad_enabled(True)`."
    )


def all_frozen(model: str, magic: str) -> DiscoveryError:
    """Report an optimizer that updates nothing."""
    return DiscoveryError(
        f"Nothing of `{model}` is trained: requires_grad is False for all that the optimizer updates.\n"
        f"→ `%unfreeze`, or `{model}.requires_grad_(True)`, then `%{magic}`."
    )


def unfit_batch(loss: str, reason: str, magic: str) -> DiscoveryError:
    """Report a loss that fits a first batch and not the next ones."""
    return DiscoveryError(
        f"`{loss}` fits a first batch, but not each of the next ones: {reason}\n"
        f"→ `{typed_line(magic, '--train', 'NAME')}` with a loader whose batches all fit (drop_last=True leaves out a "
        "short last one)."
    )


def parameters_not_finite(model: str, names: Sequence[str]) -> DiscoveryError:
    """Report a model that gives no number any more."""
    return DiscoveryError(
        f"Parameters of `{model}` hold nan or inf ({_listed(names, 2)}), as after a training that blew up: "
        f"no loss of it is a number.\n→ `%fit_undo` after a %fit_one_cycle, else make `{model}` and its optimizer anew."
    )


def output_not_a_number(model: str, magic: str) -> DiscoveryError:
    """Report a forward that makes nan out of numbers."""
    return DiscoveryError(
        f"`{model}` returns nan, although its parameters and the batch hold none: no loss of it is a number.\n"
        f"→ `%{magic}` again once its forward gives numbers: it divides by zero, takes a logarithm or root of what is "
        "not above 0, or overflows."
    )


def data_not_finite(part: str, magic: str) -> DiscoveryError:
    """Report a batch that no loss can be computed of."""
    return DiscoveryError(
        f"`{part}` holds nan or inf in one of the first batches, and no loss that I see is a number then.\n"
        f"→ `{typed_line(magic, '--train', 'NAME')}` with a loader of data without them."
    )


def several_losses(names: Sequence[str], magic: str) -> DiscoveryError:
    """Several losses fit and give different values."""
    return DiscoveryError(
        f"Several losses fit and give different values: {_listed(names)}. → `%{magic} --loss {_quoted(names[0])}`."
    )


def own_step_unclear(source: str, reason: str, loss: str, magic: str) -> DiscoveryError:
    """Report a step of the person's own that could not be followed, so that a guess might be wrong."""
    return DiscoveryError(
        f"`{source}` holds a step of yours that I could not follow: {reason}.\n"
        f"→ `{cell_magic(magic)}` above the cell that trains, "
        f"or `%{magic} --loss {_quoted(loss)}` if that is all there is to it."
    )


def other_loss(fitting: str, other: str, magic: str) -> DiscoveryError:
    """Report a loss that fits beside one that I cannot call: the second may be the one that is meant."""
    return DiscoveryError(
        f"`{fitting}` fits, but there is `{other}` too, and I cannot tell how you call it.\n"
        f"→ `%{magic} --loss {_quoted(fitting)}`, or `{cell_magic(magic)}` above your training cell."
    )


def several_modules(names: str, magic: str) -> DiscoveryError:
    """Report modules that one optimizer trains together, where nothing shows how they are called."""
    return DiscoveryError(
        f"One optimizer trains {names}, and how they work together is not written down yet.\n"
        f"→ `{cell_magic(magic)}` above your training cell."
    )


def left_over(part: str, value: object, loss: str, magic: str) -> DiscoveryError:
    """Report a part of the batch that nothing uses: a weight or a mask would belong in the loss."""
    return DiscoveryError(
        f"`{part}` ({describe_batch(value)}) is in the batch, and neither the model nor the loss that fits takes it.\n"
        f"→ `%{magic} --loss {_quoted(loss)}` if that is right, "
        f"or `{cell_magic(magic)} for batch in LOADER` with your step below it."
    )


def untrained_output(model: str, part: str, loss: str, magic: str) -> DiscoveryError:
    """Report a head with parameters of its own that the loss that fits would not train."""
    return DiscoveryError(
        f"`{loss}` fits one output of `{model}`, and would not train what makes `{part}`: your loop may add a loss of "
        f"it.\n→ `{cell_magic(magic)}` above your training cell, or `%{magic} --loss {_quoted(loss)}` if that is all."
    )


def no_validation(name: str, reason: str, magic: str) -> DiscoveryError:
    """Refuse validation data that the step gives no loss on."""
    return DiscoveryError(f"The step gives no loss on `{name}` in eval mode ({reason}). → `%{magic}` without --valid.")
