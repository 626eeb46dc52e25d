"""Whatever a model is called: one of the package, a folder, a run, a folder of them, or a name on the Hub."""

import json
import warnings
from pathlib import Path

import pytest
import torch

import pixelcnn
from pixelcnn import calibrate, evaluate
from pixelcnn.density.typicality import measure_reference
from pixelcnn.store.folder import (
    CHECKPOINT,
    CONFIG,
    LOG,
    METRICS,
    TRAINING,
    TYPICALITY,
    WEIGHTS,
    save,
)
from pixelcnn.store.names import bundled, find, find_models
from pixelcnn.ui import command as app
from tests.toys import exactly, random_levels, toy_config, wild_model

MODEL = wild_model(toy_config(), dtype=torch.float32)
OTHER = wild_model(toy_config(), seed=1, dtype=torch.float32)


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder that is neither a checkout nor empty: two models, two runs."""
    monkeypatch.chdir(tmp_path)
    save(MODEL, tmp_path / "mine" / "first try")
    save(MODEL, tmp_path / "mine" / "run" / "best")
    save(OTHER, tmp_path / "mine" / "run" / "last")
    save(OTHER, tmp_path / "mine" / "stopped" / "last")
    (tmp_path / "mine" / "notes").mkdir()
    return tmp_path


def same(model, other):
    levels = random_levels(other.config, 3)
    return model.log_prob(levels).equal(other.log_prob(levels))


def test_the_models_of_the_package_have_names_wherever_one_is(place):
    assert list(bundled()) == ["binary", "gray", "residual"]
    for name, folder in bundled().items():
        assert find(name) == folder
        assert find_models(name) == {name: folder}
    assert pixelcnn.load("residual").config.architecture == "residual"


@pytest.mark.parametrize(
    "name",
    ["weights/binary", "runs/tinny", "someone/model", "someone/model@v1", "nothing", "./a b", ""],
)
def test_no_name_of_a_folder_reaches_the_network(hub, place, name):
    """Or else whoever registers it on the Hub decides what is loaded."""
    takers = (pixelcnn.load, find, find_models, app.make_page, lambda name: evaluate.main([name]))
    for take in (*takers, lambda name: calibrate.main([name])):
        with pytest.raises((OSError, ValueError, SystemExit)) as refusal:
            take(name)
        sentence = str(refusal.value)
        if name:
            assert sentence == (
                f"{name} is no folder here: give binary, gray, residual, the folder of a model or a run, or"
                " hf://NAMESPACE/NAME."
            )
    assert hub.requests == []


@pytest.mark.parametrize(
    ("name", "called", "model"),
    [
        ("mine/first try", "first try", MODEL),
        ("mine/run", "run", MODEL),
        ("mine/run/", "run", MODEL),
        ("mine/run/best", "run", MODEL),
        ("mine/run/last", "run", OTHER),
        ("mine/stopped", "stopped", OTHER),
    ],
)
def test_a_model_or_a_run_is_taken_by_its_folder(place, name, called, model):
    assert same(pixelcnn.load(name), model)
    assert same(pixelcnn.load(Path(name)), model)
    assert list(find_models(name)) == [called]


def test_a_folder_of_models_is_all_of_them_and_one_where_one_is_asked_for(place):
    assert list(find_models("mine")) == ["first try", "run", "stopped"]
    sentence = "mine holds several models: give one of mine/first try, mine/run, mine/stopped."
    with pytest.raises(ValueError, match=exactly(sentence)):
        pixelcnn.load("mine")
    save(MODEL, place / "single" / "only")
    assert same(pixelcnn.load("single"), MODEL)


def test_a_folder_called_as_a_model_of_the_package_is_not_taken_for_it_in_silence(place):
    save(MODEL, place / "gray")
    with pytest.warns(UserWarning, match=r"the folder here is \./gray\.$"):
        assert find("gray") == bundled()["gray"]
    assert same(pixelcnn.load("./gray"), MODEL)
    assert same(pixelcnn.load(Path("gray")), MODEL)


def test_a_folder_without_a_model_is_told_in_one_sentence(place):
    with pytest.raises(FileNotFoundError, match=r"^mine/notes holds no model: [^\n]*\.$"):
        pixelcnn.load("mine/notes")
    (place / "mine" / "notes" / CHECKPOINT).touch()
    with pytest.raises(FileNotFoundError, match="mine/notes is a run that has no weights yet"):
        pixelcnn.load("mine/notes")


def test_a_revision_is_of_the_hub(place):
    with pytest.raises(
        ValueError, match=exactly("A revision is of hf://NAMESPACE/NAME, got mine.")
    ):
        pixelcnn.load("mine", revision="main")


@pytest.mark.parametrize("command", [evaluate, calibrate])
def test_what_is_written_beside_weights_needs_a_folder(hub, command):
    write = ["--write"] if command is evaluate else []
    with pytest.raises(SystemExit, match="download hf://someone/model first"):
        command.main(["hf://someone/model", *write])
    assert hub.requests == []


def test_the_page_takes_what_it_can_show_and_says_what_it_cannot(place, monkeypatch, capsys):
    built = []
    monkeypatch.setattr(app, "build_page", lambda *each, notice: built.append((*each, notice)))
    save(wild_model(toy_config(in_channels=3), dtype=torch.float32), place / "mine" / "coloured")
    (place / "mine" / "torn").mkdir()
    (place / "mine" / "torn" / CONFIG).write_text("{}")
    app.make_page("mine")
    service, folders, notice = built[0]
    assert list(service.models) == list(folders) == ["first-try", "run", "stopped"]
    of_one = "The page shows images of one channel, which those of mine/coloured are not."
    assert of_one in notice
    assert "mine/torn has no model.safetensors" in notice
    app.make_page("mine/run/last")
    assert (list(built[1][0].models), built[1][2]) == (["run"], None)
    assert same(built[1][0].models["run"], OTHER)
    with pytest.raises(ValueError, match=exactly(of_one)):  # and not another model instead
        app.page_on("mine/coloured")


BESIDE = {
    METRICS: b"",
    TRAINING: b"[",
    LOG: b"{}\n",
    TYPICALITY: b"{",
}


@pytest.mark.parametrize("name", BESIDE)
def test_a_damaged_file_beside_the_weights_costs_itself_alone(place, name):
    folder = place / "mine" / "first try"
    (folder / name).write_bytes(BESIDE[name])
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        assert same(pixelcnn.load(folder), MODEL)
        assert evaluate.what_to_measure(folder, 2) == ("MNIST", "threshold")
    (warning,) = warned
    assert name in str(warning.message)
    assert "\n" not in str(warning.message)


def test_a_file_of_other_weights_is_left_out_with_a_warning(place):
    folder = place / "mine" / "first try"
    levels = random_levels(MODEL.config, 3)
    measure_reference(MODEL, [levels], weights_sha256="0" * 64).save(folder / TYPICALITY)
    with pytest.warns(UserWarning, match="is of other weights"):
        assert pixelcnn.load(folder).reference is None


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_weights_of_another_precision_are_read(place, dtype):
    from safetensors.torch import load_file, save_file

    folder = place / "mine" / "first try"
    stored = {name: weight.to(dtype) for name, weight in load_file(folder / WEIGHTS).items()}
    save_file(stored, folder / WEIGHTS)
    loaded = pixelcnn.load(folder)
    for name, weight in loaded.state_dict().items():
        assert weight.dtype == torch.float32
        assert weight.equal(stored[name].float())


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1285700\n"


def test_weights_that_are_elsewhere_are_told_in_one_sentence(place):
    folder = place / "mine" / "first try"
    (folder / WEIGHTS).write_bytes(POINTER)
    with pytest.raises(ValueError, match=r"is a Git LFS pointer[^\n]*`git lfs pull`\.$"):
        pixelcnn.load(folder)
    (folder / WEIGHTS).unlink()
    (folder / f"{WEIGHTS}.index.json").write_text(json.dumps({"weight_map": {}}))
    with pytest.raises(ValueError, match=r"in several files[^\n]*one model\.safetensors\.$"):
        pixelcnn.load(folder)


def test_loading_warns_of_nothing_where_nothing_is_wrong(place):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pixelcnn.load("mine/run")
