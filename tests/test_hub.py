import json
import pickle

import pytest
import torch

from pixelcnn.density.model import PixelCNN
from pixelcnn.store.folder import CONFIG, WEIGHTS, save
from pixelcnn.store.names import from_pretrained, load
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


def test_a_device_that_is_none_is_refused_before_the_files_are_read(tmp_path):
    with pytest.raises(ValueError, match=exactly("device 'abacus' cannot be used here: try cpu.")):
        load(tmp_path, device="abacus")


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


MODEL = wild_model(toy_config(), dtype=torch.float32)


@pytest.fixture
def files(tmp_path):
    """What a repository on the Hub holds."""
    save(MODEL, tmp_path)
    return {name: (tmp_path / name).read_bytes() for name in (CONFIG, WEIGHTS)}


def same(model, other):
    levels = random_levels(other.config, 3)
    return model.log_prob(levels).equal(other.log_prob(levels))


def test_a_hub_id_is_loaded_at_a_branch_and_at_a_commit(hub, files, tmp_path):
    old = hub.put("models/someone/model", files)
    other = wild_model(toy_config(), seed=1, dtype=torch.float32)
    save(other, tmp_path)
    new = {name: (tmp_path / name).read_bytes() for name in files}
    hub.put("models/someone/model", new)
    hub.put("models/someone/model", files | {"note": b""}, "trial")
    assert same(load("hf://someone/model"), other)
    assert same(from_pretrained("someone/model"), other)
    assert same(load("hf://someone/model", revision=old), MODEL)
    assert same(load("hf://someone/model", revision="trial"), MODEL)
    assert same(load("hf://someone/model@trial"), MODEL)


def test_what_was_loaded_once_is_there_when_the_hub_is_not(hub, files):
    hub.put("models/someone/cached", files)
    load("hf://someone/cached")
    with hub.refusing("(GET|HEAD)", 500):
        assert same(load("hf://someone/cached"), MODEL)


def refused(repo_id, **arguments):
    with pytest.raises(OSError, match="could not be loaded from the Hub") as refusal:
        from_pretrained(repo_id, **arguments)
    assert "\n" not in str(refusal.value)
    return str(refusal.value).partition(" could not be loaded from the Hub: ")


def test_why_the_hub_does_not_have_it_is_told_in_one_sentence(hub, files):
    hub.put("models/someone/there", files)
    nowhere = "there is no such repository, or the token may not see it."
    assert refused("someone/nowhere")[::2] == ("someone/nowhere", nowhere)
    answer = ("someone/there at v9", "it has no such revision.")
    assert refused("someone/there", revision="v9")[::2] == answer
    with hub.refusing("GET /api", 401):
        assert "the token is missing or not valid (401)" in refused("someone/closed")[2]
    with hub.refusing("GET /api", 403):
        closed = refused("someone/closed")[2]
    assert "the token may not do this (403)" in closed
    assert "write" not in closed
    with hub.refusing("GET /api", 418):
        assert refused("someone/odd")[2] == "the Hub answered 418."


@pytest.mark.parametrize("status", [401, 403])
def test_a_repository_with_conditions_is_told_from_one_that_is_not_there(hub, status):
    with hub.refusing("GET /api", status, code="GatedRepo"):
        assert refused("someone/gated")[2].startswith(
            f"its owner admits people by request: ask at {hub.url}/someone/gated, then run"
        )


def test_offline_mode_is_told_from_a_hub_that_cannot_be_reached(hub, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert refused("someone/never-seen")[2].startswith("offline mode is on (HF_HUB_OFFLINE)")
    assert hub.requests == []


def test_a_repository_without_a_model_is_told_in_one_sentence(hub, files):
    hub.put("models/someone/half", {CONFIG: files[CONFIG]})
    with pytest.raises(FileNotFoundError, match=rf"has no {WEIGHTS}: give a folder"):
        load("hf://someone/half")


@pytest.mark.parametrize(
    "content", [b"", b"\x80\x04", pickle.dumps([1.5] * 100), None], ids=["0", "2", "pickle", "cut"]
)
def test_wrong_weights_on_the_hub_are_told_in_one_sentence(hub, files, content, request):
    data = files[WEIGHTS][:-5] if content is None else content
    name = f"someone/wrong-{request.node.callspec.id}"
    hub.put(f"models/{name}", files | {WEIGHTS: data})
    with pytest.raises(ValueError, match=r"safetensors is damaged or not safetensors: [^\n]*\.$"):
        load(f"hf://{name}")


def test_the_config_of_another_library_is_told_in_one_sentence(hub, files):
    hub.put("models/someone/bert", files | {CONFIG: b'{"model_type": "bert"}'})
    with pytest.raises(ValueError, match=exactly("ModelConfig has no field model_type.")):
        load("hf://someone/bert")


def test_a_config_larger_than_memory_is_told_in_one_sentence(folder):
    values = json.loads((folder / CONFIG).read_text())
    (folder / CONFIG).write_text(json.dumps(values | {"inner_dim": 10**8}))
    with pytest.raises(ValueError, match=r"inner_dim must be 1 to 1024, got 100000000\.$"):
        load(folder)


@pytest.mark.parametrize(
    "source", ["someone/model@", "a@b", "someone/../model@v1", "/model@v1", ""]
)
def test_what_is_no_hub_id_is_told_in_one_sentence(hub, source):
    sentence = f"A Hub id is NAMESPACE/NAME or NAMESPACE/NAME@REVISION, got {source}."
    with pytest.raises(ValueError, match=exactly(sentence)):
        load(f"hf://{source}")
    assert hub.requests == []


def test_loading_leaves_the_global_random_state_alone(tmp_path):
    save(wild_model(toy_config(), dtype=torch.float32), tmp_path)
    before = torch.get_rng_state()
    load(tmp_path)
    assert torch.get_rng_state().equal(before)
