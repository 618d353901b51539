"""Defaults of options that a person changes with `%config LrMagics`, or in a profile of IPython."""

from __future__ import annotations

from typing import TYPE_CHECKING

from traitlets import Float, Int, TraitError
from traitlets.config import Configurable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from traitlets.config import Config


class ConfiguredDefaults(Configurable):
    """One trait per option that has a default."""

    start_lr = Float(None, allow_none=True, min=0, help="First rate of a sweep; None: by the losses.").tag(config=True)
    end_lr = Float(None, allow_none=True, min=0, help="Last rate of a sweep; None: by the losses.").tag(config=True)
    num_steps = Int(None, allow_none=True, min=1, help="Number of rates in a sweep; None: by the losses.").tag(
        config=True
    )
    batches_per_lr = Int(1, min=1, help="Batches run at each learning rate of a sweep.").tag(config=True)
    divergence_factor = Float(4.0, min=0, help="How far above its fall the loss may rise in a sweep.").tag(config=True)
    epochs = Int(1, min=1, help="Number of epochs of a one-cycle training.").tag(config=True)
    pct_start = Float(0.3, min=0, max=1, help="Fraction of a cycle spent in warm-up.").tag(config=True)
    div_factor = Float(25.0, help="The initial lr is the peak lr divided by this.").tag(config=True)
    final_div_factor = Float(1e4, help="The final lr is the initial lr divided by this.").tag(config=True)
    base_momentum = Float(0.85, help="Momentum, or Adam's beta1, at the peak lr.").tag(config=True)
    max_momentum = Float(0.95, help="Momentum, or Adam's beta1, at both ends of a cycle.").tag(config=True)


def refused_values(section: Config) -> Iterator[tuple[str, TraitError]]:
    """Names of configured values that their options do not take, and why.

    IPython refuses a value when it is typed, and yet keeps it: the next time that the extension is loaded it is in the
    way.
    """
    for name in ConfiguredDefaults.class_trait_names(config=True):
        if name in section:
            try:
                ConfiguredDefaults(**{name: section[name]})
            except TraitError as error:
                yield name, error
