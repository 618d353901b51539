"""The parts that layer groups are made of: a module with its parameters, or a module's own loose parameters."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn
from torch.nn.utils.parametrize import is_parametrized

_LISTS = (nn.ModuleList, nn.ModuleDict)
# Child of a module that torch computes some of its weights in: weight norm, spectral norm.
_PARAMETRIZATIONS = "parametrizations"


@dataclass(frozen=True)
class LayerUnit:
    """A module taken as one part, or parameters that hang on an opened module directly.

    Attributes
    ----------
    name
        Path in the model.
    module
        The module; None for loose parameters.
    parameters
        All its parameters.
    """

    name: str
    module: nn.Module | None = None
    parameters: tuple[nn.Parameter, ...] = ()

    @property
    def num_layers(self) -> int:
        """Number of its layers with a weight matrix; norms, biases and loose parameters are no layers."""
        if self.module is None:
            return 0
        return sum(_is_layer(module) for module in self.module.modules())

    @property
    def is_list(self) -> bool:
        """Whether it is a plain list of modules, which has no forward of its own."""
        return isinstance(self.module, _LISTS)

    @property
    def is_embedding(self) -> bool:
        """Whether all its layers are lookup tables."""
        if self.module is None:
            return False
        layers = [module for module in self.module.modules() if _is_layer(module)]
        return bool(layers) and all(isinstance(layer, (nn.Embedding, nn.EmbeddingBag)) for layer in layers)

    @property
    def can_open(self) -> bool:
        """Whether it has children with parameters."""
        return self.module is not None and bool(_parts(self.module))


def owner_units(path: str, module: nn.Module | None) -> list[LayerUnit]:
    """Units of an opened module: its loose parameters, then its children; wrappers of one child are looked through."""
    if module is None:
        return []
    named = _own_parameters(module)
    own = tuple(named.values())
    units = [LayerUnit(_joined(path, next(iter(named))), None, own)] if own else []
    children = _parts(module)
    if len(children) == 1 and _parts(children[0][1]):
        name, child = children[0]
        return units + owner_units(_joined(path, name), child)
    if not children and own:
        return [LayerUnit(path or type(module).__name__, module, own)]
    units.extend(LayerUnit(_joined(path, name), child, tuple(child.parameters())) for name, child in children)
    return units


def unwrapped(model: nn.Module) -> nn.Module:
    """Look through ``torch.compile`` and ``DataParallel``: the module that the person wrote."""
    inner = model
    while type(inner).__module__.startswith("torch."):
        held = dict(inner.named_children())
        inside = held.get("_orig_mod", held.get("module"))
        if inside is None or isinstance(inner, (nn.Sequential, *_LISTS)):
            break
        inner = inside
    return inner


def _is_layer(module: nn.Module) -> bool:
    """Whether it holds a weight matrix itself; a lazy module will."""
    if isinstance(module, nn.modules.batchnorm._NormBase):  # noqa: SLF001 - torch's only common base of batch norms
        return False
    has_children = any(name != _PARAMETRIZATIONS for name, _ in module.named_children())
    own = _own_parameters(module).values()
    return any(nn.parameter.is_lazy(p) or (p.ndim >= 2 and not has_children) for p in own)


def _own_parameters(module: nn.Module) -> dict[str, nn.Parameter]:
    """Parameters of a module without those of its children, by name; with those that its own are computed from."""
    own = dict(module.named_parameters(recurse=False))
    if is_parametrized(module):
        own.update(module.get_submodule(_PARAMETRIZATIONS).named_parameters(_PARAMETRIZATIONS))
    return own


def _parts(module: nn.Module) -> list[tuple[str, nn.Module]]:
    """Children with parameters, by name."""
    return [
        (name, child) for name, child in module.named_children() if name != _PARAMETRIZATIONS and _has_parameters(child)
    ]


def _has_parameters(module: nn.Module) -> bool:
    return next(module.parameters(), None) is not None


def _joined(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
