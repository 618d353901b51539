"""A person's own loop, written out around a pasted body: the reference that a setup is compared with."""

from __future__ import annotations

import copy
import itertools
import textwrap

from lr_magic.training.restoring.restore import restored

_LOOP = """
for _pass in __count():
    {clause}:
        for __group in {optimizer}.param_groups:
            __group["lr"] = __lrs[len(__losses)]
{body}
        __losses.append(float(({loss}).detach() if hasattr({loss}, "detach") else {loss}))
        if len(__losses) == len(__lrs):
            break
    else:
        continue
    break
"""


def losses_of_own_loop(notebook, clause, body, lrs, *, loss="loss", optimizer="optimizer"):
    """Losses of the loop that a person would run, at the given rates; everything is as before afterwards."""
    names = dict(notebook)
    notebook.update({"__lrs": list(lrs), "__losses": [], "__count": itertools.count})
    body = textwrap.indent(textwrap.dedent(body), " " * 8)
    source = _LOOP.format(clause=clause.rstrip(":"), body=body, loss=loss, optimizer=optimizer)
    modules = [value for value in names.values() if hasattr(value, "named_parameters")]
    try:
        with restored(modules=modules, optimizers=[notebook[optimizer]], loaders=[notebook["train_loader"]]):
            for module in modules:
                module.train()
            exec(source, notebook)
        return notebook["__losses"]
    finally:
        notebook.clear()
        notebook.update(names)


def snapshot(notebook):
    """Names and contents of a notebook, to be compared with later."""
    states = {n: copy.deepcopy(v.state_dict()) for n, v in notebook.items() if hasattr(v, "state_dict")}
    return dict(notebook), states, {n: vars(v).keys() for n, v in notebook.items() if hasattr(v, "state_dict")}
