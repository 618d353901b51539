from __future__ import annotations

import pytest
import torch
from torch import nn

from lr_magic.pure.errors import SettingError
from lr_magic.training.layers.layer_groups import find_layer_groups

from .layered_models import FeaturesAndClassifier, LanguageModel, Recurrent, Stages, VisionTransformer

ALL_MODELS = [
    Stages(),
    VisionTransformer(),
    LanguageModel(30, is_tied=True),
    LanguageModel(2, is_tied=False),
    Recurrent(),
    FeaturesAndClassifier(13),
    FeaturesAndClassifier(2),
    nn.Linear(2, 2),
    nn.Sequential(nn.LazyLinear(3), nn.LazyBatchNorm1d(), nn.LazyLinear(2)),
]


def labels(model, groups=None):
    return [group.label for group in find_layer_groups(model, groups)]


@pytest.mark.parametrize("model", ALL_MODELS, ids=lambda m: type(m).__name__)
def test_every_parameter_is_in_exactly_one_group_in_the_order_of_the_model(model):
    grouped = [id(p) for group in find_layer_groups(model) for p in group.parameters]
    assert sorted(grouped) == sorted(id(p) for p in model.parameters())
    assert len(find_layer_groups(model)) <= 16


def test_stages_are_groups_with_the_norm_of_the_stem():
    assert labels(Stages()) == ["conv1, bn1", "layer1", "layer2", "layer3", "layer4", "fc"]


@pytest.mark.parametrize("wrap", [nn.utils.parametrizations.weight_norm, nn.utils.parametrizations.spectral_norm])
def test_a_parametrized_layer_is_one_layer(wrap):
    plain = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 2))
    wrapped = nn.Sequential(*(wrap(layer) if isinstance(layer, nn.Linear) else layer for layer in plain))
    assert labels(wrapped) == labels(plain) == ["0", "2", "4"]
    assert labels(wrap(nn.Linear(4, 2))) == ["ParametrizedLinear"]


def test_a_module_with_a_parametrized_weight_of_its_own_and_layers_is_opened_all_the_same():
    model = nn.Sequential(nn.Linear(4, 8), nn.Linear(8, 8), nn.Linear(8, 2))
    model.register_parameter("scale", nn.Parameter(torch.ones(2, 2)))
    nn.utils.parametrizations.weight_norm(model, "scale")
    found = find_layer_groups(model)
    assert [group.names[-1] for group in found] == ["0", "1", "2"]
    assert sorted(map(id, model.parameters())) == sorted(id(p) for group in found for p in group.parameters)


def test_each_block_of_a_transformer_is_a_group():
    found = labels(VisionTransformer(3))
    assert found[0] == "class_token to encoder.pos_embedding"
    assert found[1:] == ["encoder.layers.0", "encoder.layers.1", "encoder.layers.2, encoder.ln", "heads"]


def test_embeddings_go_together_and_the_final_norm_with_the_last_block():
    assert labels(LanguageModel(2, is_tied=False)) == [
        "transformer.wte, transformer.wpe",
        "transformer.h.0",
        "transformer.h.1, transformer.ln_f",
        "lm_head",
    ]


def test_many_blocks_are_joined_evenly():
    found = find_layer_groups(LanguageModel(30, is_tied=False))
    assert len(found) <= 16
    assert (found[0].label, found[-1].label) == ("transformer.wte, transformer.wpe", "lm_head")
    assert len({group.num_parameters for group in found[1:-2]}) == 1


def test_a_weight_shared_with_the_stem_belongs_to_the_stem():
    found = find_layer_groups(LanguageModel(2, is_tied=True))
    assert found[-1].label == "transformer.h.1, transformer.ln_f"


def test_the_head_stays_whole_while_there_is_a_body_to_open():
    assert labels(FeaturesAndClassifier(2)) == ["features.0", "features.1", "classifier"]
    assert labels(FeaturesAndClassifier(13))[-1] == "classifier"


def test_layers_of_a_plain_list_with_their_norms():
    net = nn.Sequential(
        nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 8), nn.LayerNorm(8), nn.Linear(8, 2)
    )
    assert labels(net) == ["0, 1", "3, 4", "5"]
    assert labels(Recurrent()) == ["emb", "lstm", "fc"]


@pytest.mark.parametrize("wrap", [nn.DataParallel, torch.compile, nn.Sequential])
def test_wrappers_are_looked_through(wrap):
    assert [name.rpartition("0.")[2] for name in labels(wrap(Stages()))][-1] == "fc"
    assert len(labels(wrap(Stages()))) == 6


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_model_of_torchscript_has_the_groups_of_its_modules():
    net = nn.Sequential(nn.Linear(4, 8), nn.Sequential(nn.Linear(8, 8), nn.ReLU()), nn.Linear(8, 2))
    assert labels(torch.jit.script(net)) == labels(net)


def test_ones_own_groups_with_what_they_leave_out():
    model = Stages()
    found = find_layer_groups(model, [["conv1", "layer1"], "layer3", "fc"])
    assert [group.label for group in found] == ["conv1, layer1", "layer3", "fc"]
    everything = [id(p) for group in found for p in group.parameters]
    assert everything == [id(p) for p in model.parameters()]
    # bn1 and layer2 go with the group before them, layer4 with layer3
    assert found[0].num_parameters == sum(
        p.numel() for m in (model.conv1, model.bn1, model.layer1, model.layer2) for p in m.parameters()
    )


@pytest.mark.parametrize("groups", [["layer9", "fc"], [["conv1", "nope"]], [["fc"], ["fc"]]])
def test_names_that_hold_nothing_are_refused(groups):
    with pytest.raises(SettingError, match=r"layer9|nope|fc"):
        find_layer_groups(Stages(), groups)


def test_a_model_without_parameters_is_refused():
    with pytest.raises(SettingError, match="no parameters"):
        find_layer_groups(nn.ReLU())
