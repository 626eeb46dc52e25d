import json
import pickle

import pytest
import torch

from pixelcnn.hub import CONFIG, WEIGHTS, load, save
from pixelcnn.model import PixelCNN
from tests.toys import (
    architectures,
    classes,
    exactly,
    likelihoods,
    random_levels,
    toy_config,
    wild_model,
)


@pytest.fixture
def folder(tmp_path):
    """A folder that holds a model."""
    save(PixelCNN(toy_config()), tmp_path)
    return tmp_path


@architectures
@likelihoods
@classes
def test_loaded_model_gives_equal_log_prob(architecture, likelihood, num_classes, tmp_path):
    config = toy_config(architecture, likelihood, num_classes=num_classes, in_channels=2)
    model, levels = wild_model(config, dtype=torch.float32), random_levels(config, 3)
    save(model, tmp_path / "new" / "folder")
    loaded = load(tmp_path / "new" / "folder")
    assert loaded.config == config
    assert loaded.log_prob(levels).equal(model.log_prob(levels))


def test_loaded_model_is_in_eval_mode(tmp_path):
    save(PixelCNN(toy_config(dropout=0.5)).train(), tmp_path)
    assert not any(module.training for module in load(str(tmp_path)).modules())


def test_saving_again_replaces_the_weights_and_leaves_nothing_else(folder):
    model = wild_model(toy_config(), dtype=torch.float32)
    save(model, folder)
    assert sorted(path.name for path in folder.iterdir()) == sorted([CONFIG, WEIGHTS])
    levels = random_levels(model.config, 3)
    assert load(folder).log_prob(levels).equal(model.log_prob(levels))


@pytest.mark.parametrize("name", [CONFIG, WEIGHTS])
def test_missing_file_is_named(name, folder):
    (folder / name).unlink()
    sentence = f"{folder} has no {name}: give a folder that holds a model."
    with pytest.raises(FileNotFoundError, match=exactly(sentence)):
        load(folder)


@pytest.mark.parametrize("kept", [0, 4, 100, -1])
def test_truncated_weights_are_told_in_one_sentence(kept, folder):
    path = folder / WEIGHTS
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(ValueError, match=r"safetensors is damaged or not safetensors: [^\n]*\.$"):
        load(folder)


def test_foreign_weights_are_told_in_one_sentence(folder):
    (folder / WEIGHTS).write_bytes(pickle.dumps({"weight": list(range(100))}))
    with pytest.raises(ValueError, match=r"safetensors is damaged or not safetensors: [^\n]*\.$"):
        load(folder)


@pytest.mark.parametrize(
    "change",
    [{"inner_dim": 6}, {"dilations": [1]}, {"num_classes": 3}, {"in_channels": 2}],
    ids=str,
)
def test_weights_of_another_model_are_refused(change, folder):
    values = json.loads((folder / CONFIG).read_text())
    (folder / CONFIG).write_text(json.dumps(values | change))
    sentence = f"{folder / WEIGHTS} holds another model than {folder / CONFIG} describes."
    with pytest.raises(ValueError, match=exactly(sentence)):
        load(folder)


def test_unknown_field_of_the_config_is_named(folder):
    values = json.loads((folder / CONFIG).read_text())
    (folder / CONFIG).write_text(json.dumps(values | {"colour": "red"}))
    with pytest.raises(ValueError, match=exactly("ModelConfig has no field colour.")):
        load(folder)


def test_config_that_is_not_json_is_named(folder):
    (folder / CONFIG).write_text("{")
    with pytest.raises(ValueError, match=r"config\.json is not JSON: [^\n]*\.$"):
        load(folder)
