from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from lr_magic.pure.errors import SettingError
from lr_magic.training.layers.freezing import freeze, unfreeze
from lr_magic.training.layers.frozen_norms import batch_norms, is_held
from lr_magic.training.layers.group_layout import GroupLayout, group_by_layers, layer_numbers
from lr_magic.training.layers.layer_groups import find_layer_groups

from .fingerprint import bytes_of, plain
from .layered_models import LanguageModel, Stages


def train(model, optimizer, steps=3):
    """A person's own loop."""
    generator = torch.Generator().manual_seed(1)
    model.train()
    for _ in range(steps):
        images, labels = torch.randn(8, 1, 6, 6, generator=generator), torch.randint(0, 3, (8,), generator=generator)
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(images), labels).backward()
        optimizer.step()


def bytes_per_name(model):
    return {name: bytes_of(tensor) for name, tensor in model.state_dict().items()}


def changed(before, model):
    return {name.partition(".")[0] for name, data in bytes_per_name(model).items() if data != before[name]}


def test_all_but_the_head_is_frozen_bit_for_bit_whatever_loop_trains():
    model = Stages()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2, weight_decay=0.1)
    train(model, optimizer)
    freeze(model, optimizer)
    before = bytes_per_name(model)
    train(model, optimizer)
    assert changed(before, model) == {"fc"}


@pytest.mark.parametrize(("last", "trained"), [(1, {"fc"}), (2, {"fc", "layer4"}), (3, {"fc", "layer4", "layer3"})])
def test_the_last_groups_stay_trained(last, trained):
    model = Stages()
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-2, momentum=0.9)
    freeze(model, optimizer)
    freeze(model, optimizer, last=last)
    before = bytes_per_name(model)
    train(model, optimizer)
    assert changed(before, model) == trained


def test_layers_are_frozen_by_name_and_the_others_left_alone():
    model = Stages()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    outcome = freeze(model, optimizer, names=["layer2", "fc.bias"])
    assert [row.state for row in outcome.rows] == [
        "trained",
        "trained",
        "frozen",
        "trained",
        "trained",
        "partly frozen",
    ]
    before = bytes_per_name(model)
    train(model, optimizer)
    assert changed(before, model) == {"conv1", "bn1", "layer1", "layer3", "layer4", "fc"}
    assert bytes_of(model.fc.bias) == before["fc.bias"]


def test_freezing_by_name_leaves_layers_that_are_frozen_already_frozen_whole():
    model = Stages()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    freeze(model, optimizer, last=2)
    outcome = freeze(model, optimizer, names=["layer4"])
    assert [row.num_held_norms for row in outcome.rows] == [1, 4, 4, 4, 4, 0]
    before = bytes_per_name(model)
    train(model, optimizer)
    assert changed(before, model) == {"fc"}


def test_a_weight_that_is_frozen_because_it_is_shared_is_said():
    tied = freeze(LanguageModel(2, is_tied=True))
    assert tied.notes == ("lm_head.weight is the same tensor as transformer.wte.weight, and frozen with it",)
    assert freeze(LanguageModel(2, is_tied=False)).notes == ()


def test_batch_norms_of_frozen_layers_can_go_on_learning():
    model = Stages()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    freeze(model, optimizer)
    outcome = freeze(model, optimizer, train_batch_norm=True)
    assert "go on learning" in outcome.notes[0]
    before = bytes_per_name(model)
    train(model, optimizer)
    norms = {name.rpartition(".")[0] for name, module in model.named_modules() if isinstance(module, nn.BatchNorm2d)}
    assert "layer4" in changed(before, model)
    after = bytes_per_name(model)
    assert before["layer1.0.conv1.weight"] == after["layer1.0.conv1.weight"]
    assert before["layer1.0.bn1.weight"] != after["layer1.0.bn1.weight"]
    assert before["layer1.0.bn1.running_mean"] != after["layer1.0.bn1.running_mean"]
    assert norms


def test_a_frozen_batch_norm_normalises_with_its_running_statistics():
    model = Stages()
    freeze(model)
    model.train()
    images = torch.randn(4, 1, 6, 6)
    with torch.no_grad():
        together, alone = model(images), torch.cat([model(image[None]) for image in images])
    assert torch.allclose(together, alone, atol=1e-5)


def test_a_batch_norm_without_parameters_goes_with_its_module():
    model = nn.Sequential(nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4, affine=False)), nn.Linear(4, 2))
    freeze(model)
    before = bytes_of(model[0][1].running_mean)
    model.train()(torch.randn(8, 4))
    assert bytes_of(model[0][1].running_mean) == before
    unfreeze(model)
    model.train()(torch.randn(8, 4))
    assert bytes_of(model[0][1].running_mean) != before


def test_unfreeze_gives_back_what_was_trained_before_the_first_freeze():
    model = Stages()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    model.conv1.weight.requires_grad_(False)
    before = [p.requires_grad for p in model.parameters()]
    hooks = [len(m._forward_pre_hooks) for m in model.modules()]
    freeze(model, optimizer)
    freeze(model, optimizer, last=2)
    freeze(model, optimizer, names=["layer1"])
    unfreeze(model, optimizer)
    assert [p.requires_grad for p in model.parameters()] == before
    assert [len(m._forward_pre_hooks) for m in model.modules()] == hooks
    assert all(norm.training for norm in batch_norms([model]))
    assert not any(vars(p) for p in model.parameters())


def test_unfreeze_by_name_leaves_the_rest_frozen():
    model = Stages()
    freeze(model)
    outcome = unfreeze(model, names=["layer4"])
    assert [row.state for row in outcome.rows] == ["frozen", "frozen", "frozen", "frozen", "trained", "trained"]
    assert not any(map(is_held, batch_norms([model.layer4])))
    assert all(map(is_held, batch_norms([model.layer3])))


def test_what_was_frozen_by_hand_and_left_out_of_the_optimizer_is_added():
    model = Stages()
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name.startswith("fc"))
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-2, weight_decay=0.3)
    train(model, optimizer)
    state = {id(p): plain(s) for p, s in optimizer.state.items()}
    outcome = unfreeze(model, optimizer)
    assert all(p.requires_grad for p in model.parameters())
    assert {id(p) for g in optimizer.param_groups for p in g["params"]} == {id(p) for p in model.parameters()}
    assert {g["weight_decay"] for g in optimizer.param_groups} == {0.3}
    assert {id(p): plain(s) for p, s in optimizer.state.items()} == state
    assert any("not in the optimizer" in note for note in outcome.notes)
    before = bytes_per_name(model)
    train(model, optimizer)
    assert len(changed(before, model)) == 7


def decayed_and_not(model):
    matrices = [p for p in model.parameters() if p.ndim > 1]
    vectors = [p for p in model.parameters() if p.ndim == 1]
    return [
        {"params": matrices, "weight_decay": 0.1, "lr": 3e-3},
        {"params": vectors, "weight_decay": 0.0, "name": "flat"},
    ]


def test_the_groups_follow_with_every_option_and_the_whole_state():
    model = Stages()
    optimizer = torch.optim.AdamW(decayed_and_not(model), lr=1e-2)
    train(model, optimizer)
    identity, state = id(optimizer), {id(p): plain(s) for p, s in optimizer.state.items()}
    freeze(model, optimizer)
    unfreeze(model, optimizer)
    assert id(optimizer) == identity
    assert {id(p): plain(s) for p, s in optimizer.state.items()} == state
    assert layer_numbers(optimizer) == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
    for group in optimizer.param_groups:
        is_matrix = group["params"][0].ndim > 1
        assert (group["weight_decay"], group["lr"]) == ((0.1, 3e-3) if is_matrix else (0.0, 1e-2))
        assert group.get("name") == (None if is_matrix else "flat")


def test_splitting_the_groups_changes_no_step():
    torch.manual_seed(3)
    model = Stages()
    twin = copy.deepcopy(model)
    optimizer = torch.optim.AdamW(decayed_and_not(model), lr=1e-2)
    twin_optimizer = torch.optim.AdamW(decayed_and_not(twin), lr=1e-2)
    for each, its_optimizer in ((model, optimizer), (twin, twin_optimizer)):
        train(each, its_optimizer)
    group_by_layers(optimizer, find_layer_groups(model))
    for each, its_optimizer in ((model, optimizer), (twin, twin_optimizer)):
        train(each, its_optimizer)
    assert bytes_per_name(model) == bytes_per_name(twin)


def test_a_split_can_be_put_back():
    model = Stages()
    optimizer = torch.optim.AdamW(decayed_and_not(model), lr=torch.tensor(1e-2), capturable=False, foreach=False)
    groups = [
        (id(g), plain({k: v for k, v in g.items() if k != "params"}), list(map(id, g["params"])))
        for g in optimizer.param_groups
    ]
    rate = optimizer.param_groups[1]["lr"]
    layout = GroupLayout(optimizer)
    group_by_layers(optimizer, find_layer_groups(model))
    rates = [g["lr"] for g in optimizer.param_groups if isinstance(g["lr"], torch.Tensor)]
    assert len({id(r) for r in rates}) == len(rates) == 6
    optimizer.param_groups[0]["weight_sum"] = 1.0
    layout.put_back()
    now = [
        (id(g), plain({k: v for k, v in g.items() if k != "params"}), list(map(id, g["params"])))
        for g in optimizer.param_groups
    ]
    assert now == groups
    assert optimizer.param_groups[1]["lr"] is rate


def test_the_names_of_parameters_are_split_with_them():
    model = Stages()
    try:
        optimizer = torch.optim.AdamW(model.named_parameters(), lr=1e-2)
    except TypeError:
        pytest.skip("this torch has no named parameters")
    group_by_layers(optimizer, find_layer_groups(model))
    names = {id(p): name for name, p in model.named_parameters()}
    for group in optimizer.param_groups:
        assert group["param_names"] == [names[id(p)] for p in group["params"]]


def test_a_scheduler_keeps_the_groups_it_was_made_for():
    model = Stages()
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-2)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1)
    outcome = freeze(model, optimizer)
    assert any("scheduler" in note for note in outcome.notes)
    assert len(optimizer.param_groups) == 1
    train(model, optimizer)
    scheduler.step()


def test_what_a_scheduler_keeps_out_of_the_optimizer_is_said():
    model = Stages()
    optimizer = torch.optim.SGD(model.fc.parameters(), lr=1e-2)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1)
    outcome = unfreeze(model, optimizer)
    num_others = sum(1 for _ in model.parameters()) - 2
    assert f"{num_others} parameter tensors are not in the optimizer" in outcome.notes[1]
    assert len(scheduler.optimizer.param_groups) == 1


@pytest.mark.parametrize(
    "command",
    [
        lambda m, o: freeze(m, o, last=7),
        lambda m, o: freeze(m, o, last=-1),
        lambda m, o: freeze(m, o, last=0),
        lambda m, o: freeze(m, o, names=["nope"]),
        lambda m, o: freeze(m, o, names=["conv1", "bn1", "layer1", "layer2", "layer3", "layer4", "fc"]),
        lambda m, o: unfreeze(m, o, names=["nope"]),
        lambda _, o: freeze(nn.Sequential(nn.Linear(4, 4), nn.LazyLinear(2)), o),
    ],
)
def test_refusals_touch_nothing(command):
    model = Stages()
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-2)
    with pytest.raises(SettingError):
        command(model, optimizer)
    assert all(p.requires_grad for p in model.parameters())
    assert not any(map(is_held, batch_norms([model])))
    assert len(optimizer.param_groups) == 1
