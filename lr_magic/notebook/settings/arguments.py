"""What a person may write after a magic: options declared once, shared by the magics, documented in one place."""

from __future__ import annotations

import difflib
from argparse import Namespace
from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError
from IPython.core.magic_arguments import argument, magic_arguments, parse_argstring

from lr_magic.notebook.body import split_line

if TYPE_CHECKING:
    from collections.abc import Callable

    Decorated = Callable[..., Any]

_MODEL = argument("--model", metavar="NAME", help="Model: a name or an expression of the notebook.")
_VALID = argument("--valid", metavar="NAME", help="Validation loader; default: the one that is found.")

_SETUP_ARGUMENTS = (
    argument("--train", metavar="NAME", help="Training loader: a name or an expression of the notebook."),
    argument("--loss", metavar="EXPR", help="Loss function: a name or an expression that gives a callable."),
    argument("--optimizer", metavar="NAME", help="Optimizer whose learning rate is meant."),
    argument("--device", metavar="D", help="Device to run on; default: the model's, else the accelerator torch names."),
    argument("--amp", choices=("bf16", "fp16"), help="Run the forward pass under autocast, fp16 with a scaler."),
    argument("--accumulate", metavar="K", help="Batches per optimizer step whose gradients are summed, >= 1."),
    argument("--clip-norm", metavar="X", help="Clip the norm of all gradients to X, > 0."),
    argument("--no-live", action="store_true", help="No live view; a picture in the end."),
)

SWEEP_ARGUMENTS = (
    argument("model", nargs="?", help="Model: a name or an expression; default: the one found."),
    argument("--start-lr", metavar="LR", help="First learning rate of a plain sweep, > 0; else 1e-7."),
    argument("--end-lr", metavar="LR", help="Last learning rate of a plain sweep, > start; else 10."),
    argument("--num-steps", metavar="N", help="Number of rates of a plain sweep, >= 1; else 100."),
    argument("--batches-per-lr", metavar="K", help="Batches run at each rate, their losses averaged; default 1."),
    argument("--linear", action="store_true", help="Raise the rate by equal differences instead of equal ratios."),
    argument("--divergence-factor", metavar="X", help="How far above its fall the loss may rise; default 4."),
    argument("--no-stop", action="store_true", help="Go on to the last rate even when the loss blows up."),
    argument("--overlay", action="store_true", help="Draw the sweeps before this one into the same plot."),
    argument("--sharpness", action="store_true", help="Also measure the curvature, and the rate that it allows."),
    argument("--seconds", metavar="S", help="Longest duration of the sweep in seconds."),
    *_SETUP_ARGUMENTS,
)

_SESSION_ARGUMENTS = (
    argument("--weight-decay", metavar="X", help="Weight decay of this training, in place of the groups' own."),
    argument("--resume", action="store_true", help="Go on where the last training was interrupted or stopped."),
    argument("--checkpoint", metavar="PATH", help="File to write the training to, and to resume it from."),
    argument("--restore-best", action="store_true", help="End with the weights of the best epoch."),
    argument("--roll-back", action="store_true", help="When the loss blows up: back to the last good point, lower."),
    argument("--dry-run", action="store_true", help="Show rates, momenta, steps and time; train nothing."),
)

CYCLE_ARGUMENTS = (
    argument("epochs", nargs="?", help="Number of epochs, > 0; default 1."),
    argument("--steps", metavar="N", help="Number of optimizer steps instead of epochs, >= 1."),
    argument("--max-lr", metavar="LR", help="Peak learning rate: number, LOW:HIGH or expression; default: lr_found."),
    argument("--pct-start", metavar="F", help="Fraction of the steps spent in warm-up, 0 to 1; default 0.3."),
    argument("--div-factor", metavar="X", help="The initial lr is max_lr / X; default 25."),
    argument("--final-div-factor", metavar="X", help="The final lr is the initial lr / X; default 1e4."),
    argument("--base-momentum", metavar="M", help="Momentum (SGD) or beta1 (Adam) at the peak lr; default 0.85."),
    argument("--max-momentum", metavar="M", help="Momentum or beta1 at both ends; default 0.95."),
    _VALID,
    argument("--metric", metavar="EXPR", action="append", help="Name, function or expression (out, y); repeatable."),
    _MODEL,
    *_SESSION_ARGUMENTS,
    *_SETUP_ARGUMENTS,
)  # fmt: skip


COMPARISON_ARGUMENTS = (
    argument("lrs", nargs="*", help="Rates to try; default: the choice, else the suggestion, and its neighbours."),
    argument("--steps", metavar="N", help="Length of each trial in optimizer steps; default: a quarter of EPOCHS."),
    argument("--epochs", metavar="N", help="Length of the training to come; default 5."),
    _MODEL,
    _VALID,
    *_SETUP_ARGUMENTS,
)

_LAYER_ARGUMENTS = (
    _MODEL,
    argument("--optimizer", metavar="NAME", help="Optimizer whose groups follow; default: the model's."),
    argument("--groups", metavar="EXPR", help="Own layer groups: a list of names, or of lists of names, stem to head."),
)

FREEZE_ARGUMENTS = (
    argument("layers", nargs="*", help="N: all but the last N groups; or names of layers; default: all but the head."),
    *_LAYER_ARGUMENTS,
    argument("--train-bn", action="store_true", help="Batch norms in frozen layers go on learning, as fastai has it."),
)

UNFREEZE_ARGUMENTS = (
    argument("layers", nargs="*", help="Names of layers to train again; default: all that %%freeze has frozen."),
    *_LAYER_ARGUMENTS,
)


def with_arguments(arguments: tuple[Any, ...] = ()) -> Callable[[Decorated], Decorated]:
    """Give a magic options, in the order in which its help lists them."""

    def decorate(magic: Decorated) -> Decorated:
        for each in reversed(arguments):
            magic = each(magic)
        return magic_arguments()(magic)  # type: ignore[no-any-return]

    return decorate


def parse(magic: Decorated, line: str) -> Namespace:
    """Read a magic's line into its options, all of them still text.

    Raises
    ------
    UsageError
        For an unknown option or a missing value.
    """
    try:
        options = parse_argstring(magic, line)
    except UsageError as error:
        raise UsageError(f"{error}. {_way_out(magic, str(error))}") from None
    return Namespace(**{name: _unquoted(value) for name, value in vars(options).items()})


def parse_with_clause(magic: Decorated, line: str) -> tuple[Namespace, str | None]:
    """Split a magic's line into its options, as `parse` reads them, and its ``for`` clause."""
    options_text, for_clause = split_line(line)
    return parse(magic, options_text), for_clause


def _way_out(magic: Any, reason: str) -> str:
    """Name the nearest option, and where all of them are explained."""
    known = [option for action in magic.parser._actions for option in action.option_strings]  # noqa: SLF001
    typed = [word.rstrip(":") for word in reason.split() if word.startswith("-")]
    near = difflib.get_close_matches(typed[0], known, n=1, cutoff=0.7) if typed and typed[0] not in known else []
    meant = f"Did you mean {near[0]}? " if near else ""
    return f"{meant}→ `%{magic.__name__}?` explains what may follow; what contains spaces goes into quotes."


def _unquoted(value: object) -> object:
    """Text without the quotes around it: IPython splits a line but leaves them."""
    if isinstance(value, list):
        return [_unquoted(each) for each in value]
    if isinstance(value, str) and len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
        return value[1:-1]
    return value
