"""Pushing weights: the real client, against a Hub on this machine."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from huggingface_hub import ModelCard
from PIL import Image

import pixelcnn
from pixelcnn.config import TrainConfig
from pixelcnn.data.datasets import Images
from pixelcnn.density.typicality import measure_reference
from pixelcnn.store.folder import LOG, METRICS, TRAINING, TYPICALITY, save, sha256
from pixelcnn.store.names import load
from pixelcnn.store.push import push
from pixelcnn.store.stages import Origin, Result, Stage, write_stages
from pixelcnn.training import command as train
from tests.hub_stub import READER
from tests.toys import architectures, exactly, likelihoods, toy_config, wild_model

FIGURES = {
    "nats_per_image": 9.5,
    "nats_per_image_given_class": 9.25,
    "bits_per_dim": 0.685,
    "images": 10_000,
    "dataset": "MNIST",
    "split": "test",
    "binarization": "threshold",
    "levels": 2,
    "precision": "fp32",
    "ensemble": False,
}
EPOCHS = [
    {"epoch": k, "train_nats_per_image": 12.0 - k, "validation_nats_per_image": 11.5 + abs(k - 2)}
    for k in (1, 2, 3)
]
SETTINGS = TrainConfig(epochs=3, lr=0.0025, batch_size=77, precision="bf16")


def stage(*weights, settings=SETTINGS, origins=(), dropout=0.0, epochs=3):
    """A stage that trained, and the weights that it left."""
    return Stage(
        origins=origins,
        settings=settings.to_dict(),
        model={"dropout": dropout},
        epochs=epochs,
        results=tuple(
            Result(sha256=sha256(folder), epoch=epochs - n) for n, folder in enumerate(weights)
        ),
    )


@pytest.fixture
def model():
    return wild_model(toy_config(num_classes=3), dtype=torch.float32)


@pytest.fixture
def run(tmp_path, model):
    """A folder as training leaves it, with figures of its best weights."""
    other = wild_model(model.config, seed=1, dtype=torch.float32)
    save(other, tmp_path / "last")
    save(model, tmp_path / "best")
    (tmp_path / "best" / METRICS).write_text(json.dumps(FIGURES))
    write_stages((stage(tmp_path / "last", tmp_path / "best"),), tmp_path)
    (tmp_path / LOG).write_text("".join(json.dumps(epoch) + "\n" for epoch in EPOCHS))
    for name in ("loss.png", "samples-epoch-001.png", "samples-epoch-003.png"):
        Image.new("L", (4, 4)).save(tmp_path / name)
    (tmp_path / "checkpoint.pt").write_bytes(b"not for others")
    return tmp_path


def test_what_is_usual_goes_along(hub, run, model):
    drawings = torch.zeros(3, 1, 4, 5, dtype=torch.long)
    measured = measure_reference(model, [drawings], weights_sha256=sha256(run / "best"))
    measured.save(run / "best" / TYPICALITY)
    push(run, "someone/usual")
    assert load("hf://someone/usual").reference.images == 3
    (run / "best" / TYPICALITY).unlink()
    push(run, "someone/usual")
    assert TYPICALITY not in hub.repos["models/someone/usual"].files()


def card(repo):
    return ModelCard(repo.files()["README.md"].decode())


def test_one_commit_brings_everything_that_was_recorded(hub, run, model):
    assert push(run, "someone/digits") == f"{hub.url}/someone/digits"
    repo = hub.repos["models/someone/digits"]
    assert len(repo.messages) == 1
    assert sorted(repo.files()) == [
        ".gitattributes",
        "README.md",
        "config.json",
        "log.jsonl",
        "loss.png",
        "metrics.json",
        "model.safetensors",
        "samples-epoch-001.png",
        "samples-epoch-003.png",
        "samples.png",
        "training.json",
    ]
    assert repo.files()["model.safetensors"] == (run / "best/model.safetensors").read_bytes()
    assert repo.files()["model.safetensors"] in hub.large.values()
    assert repo.files()[LOG] == (run / LOG).read_bytes()


def test_what_was_pushed_is_loaded_as_the_card_says(hub, run, model):
    push(run, "someone/loaded")
    code = re.search(r"```python\n(.*?)```", card(hub.repos["models/someone/loaded"]).text, re.S)
    names = {}
    exec(code[1].replace("16", "2"), names)
    assert names["model"].state_dict().keys() == model.state_dict().keys()
    assert names["samples"].equal(pixelcnn.generate(model, 2, seed=0).levels)


def test_the_card_states_the_figures_that_were_measured(hub, run):
    push(run, "someone/digits")
    data = card(hub.repos["models/someone/digits"]).data
    assert data.license == "mit"
    assert data.datasets == ["ylecun/mnist"]
    values = {result.metric_type: result for result in data.eval_results}
    assert {name: r.metric_value for name, r in values.items()} == {
        name: FIGURES[name]
        for name in ("nats_per_image", "nats_per_image_given_class", "bits_per_dim")
    }
    for result in values.values():
        assert result.dataset_split == "test"
        assert result.dataset_args == {"binarization": "threshold", "levels": 2, "images": 10_000}
    text = card(hub.repos["models/someone/digits"]).text
    assert "| nats per image | 9.50 |" in text
    assert "10,000 images of MNIST's test split" in text
    assert "| lr | 0.0025 |" in text
    assert "| precision | bf16 |" in text
    assert "`log.jsonl` is 11.50 nats per image given the class, after epoch 2 of 3." in text


def test_the_card_names_the_optimizers(hub, run):
    for optimizer in ("adam", "muon"):
        write_stages((stage(run / "best", settings=replace(SETTINGS, optimizer=optimizer)),), run)
        push(run, f"someone/{optimizer}")
        text = card(hub.repos[f"models/someone/{optimizer}"]).text
        assert "likelihood by Adam" in text
        assert ("and Muon for the matrices inside" in text) == (optimizer == "muon")


def test_the_card_tells_the_whole_history_of_the_weights(hub, run):
    """Two runs, their mean, and a short run from there, stopped early."""
    second = replace(SETTINGS, epochs=2, lr=0.001)
    last = replace(SETTINGS, epochs=4, lr=0.0005, dataset="FashionMNIST")
    stages = (
        replace(stage(), results=(Result(sha256="a", epoch=2), Result(sha256="b", epoch=3))),
        replace(
            stage(settings=second, dropout=0.1, epochs=2, origins=(Origin(sha256="a", stage=1),)),
            results=(Result(sha256="c", epoch=2),),
        ),
        Stage(
            origins=(
                Origin(sha256="a", stage=1, share=0.25),
                Origin(sha256="c", stage=2, share=0.75),
            ),
            settings=None,
            model=None,
            epochs=0,
            results=(Result(sha256="d"),),
        ),
        stage(run / "best", settings=last, epochs=1, origins=(Origin(sha256="d", stage=3),)),
    )
    write_stages(stages, run)
    push(run, "someone/digits")
    text = card(hub.repos["models/someone/digits"]).text
    assert "1. 3 epochs from random weights; the best after epoch 2.\n" in text
    assert "2. 2 epochs from the weights of stage 1, dropout 0.1.\n" in text
    assert (
        "3. The mean of the weights of stage 1 (share 0.25), the weights of stage 2 (share 0.75).\n"
        in text
    )
    assert "4. 1 of 4 epochs from the weights of stage 3.\n" in text
    assert "| `training.json` | stage 1 | stage 2 | stage 4 |" in text
    assert "| lr | 0.0025 | 0.001 | 0.0005 |" in text
    assert "a single model that was fitted to FashionMNIST, binarization threshold:" in text


def test_records_of_other_weights_are_not_pushed(hub, run):
    write_stages((stage(run / "last"),), run)
    with pytest.raises(ValueError, match=r"training\.json tells of other weights than those in"):
        push(run / "best", "someone/digits")
    assert hub.requests == []


def test_what_was_not_recorded_is_not_stated(hub, tmp_path, model):
    save(model, tmp_path)
    push(tmp_path, "someone/bare")
    files = hub.repos["models/someone/bare"].files()
    assert {"metrics.json", "log.jsonl", "training.json", "loss.png"}.isdisjoint(files)
    bare = card(hub.repos["models/someone/bare"])
    assert bare.data.eval_results is None
    for sentence in ("not evaluated", "settings were not recorded", "data were not recorded"):
        assert sentence in bare.text


@architectures
@likelihoods
def test_every_kind_of_model_has_a_card(hub, tmp_path, architecture, likelihood):
    config = toy_config(architecture, likelihood)
    save(wild_model(config, dtype=torch.float32), tmp_path)
    binarization = "threshold" if likelihood == "bernoulli" else "none"
    for dataset in ("MNIST", "FashionMNIST", "KMNIST", "EMNIST"):
        settings = TrainConfig(dataset=dataset, binarization=binarization)
        write_stages((stage(tmp_path, settings=settings),), tmp_path)
        push(tmp_path, "someone/kinds")
        text = card(hub.repos["models/someone/kinds"]).text
        assert f"| dataset | {dataset} |" in text
        assert ("blind spot" in text) == (architecture == "residual")
        assert ("3 greys" in text) == (likelihood == "categorical")


def test_the_samples_are_those_of_the_weights(hub, run, model):
    push(run / "best", "someone/best")
    push(run / "last", "someone/last")
    best, last = (hub.repos[f"models/someone/{name}"].files() for name in ("best", "last"))
    assert best["samples.png"] != last["samples.png"]
    assert METRICS in best
    assert METRICS not in last
    assert last[TRAINING] == best[TRAINING]


def test_a_second_push_leaves_nothing_of_the_first(hub, run):
    push(run, "someone/digits")
    repo = hub.repos["models/someone/digits"]
    hub.put("models/someone/digits", repo.files() | {"notes.txt": b"someone's own"})
    (run / "best" / METRICS).unlink()
    (run / "samples-epoch-001.png").unlink()
    push(run, "someone/digits")
    assert {METRICS, "samples-epoch-001.png"}.isdisjoint(repo.files())
    assert {"samples-epoch-003.png", "notes.txt"} <= repo.files().keys()


def test_a_branch_is_made_and_loaded_by_its_name(hub, run, model):
    url = push(run, "someone/branched", private=True, revision="trial")
    assert url == f"{hub.url}/someone/branched/tree/trial"
    repo = hub.repos["models/someone/branched"]
    assert repo.created["visibility"] == "private"
    assert "model.safetensors" not in repo.files("main")
    push(run, "someone/branched", revision="trial")
    loaded = load("hf://someone/branched", revision="trial")
    assert loaded.config == model.config


def test_damaged_records_end_in_a_sentence_and_nothing_is_pushed(hub, run):
    (run / "best" / METRICS).write_text('{"nats_per_image": "low"}')
    sentence = (
        r"metrics\.json is not what this project writes: nats_per_image is wrong or missing\.$"
    )
    with pytest.raises(ValueError, match=sentence):
        push(run, "someone/digits")
    assert hub.requests == []


def stopped(*flags):
    """How the command ends: one sentence."""
    with pytest.raises(SystemExit) as end:
        train.main([*map(str, flags)])
    assert "\n" not in end.value.code
    return end.value.code


@pytest.mark.parametrize(
    ("token", "sentence"),
    [
        (None, "there is no token: run `hf auth login`, or set HF_TOKEN"),
        ("hf_wrong", "the token is missing or not valid (401): run `hf auth login`"),
        (READER, "the token may only read"),
    ],
)
def test_a_token_that_cannot_push_is_refused_before_training(
    hub, monkeypatch, tmp_path, token, sentence
):
    monkeypatch.delenv("HF_TOKEN")
    if token:
        monkeypatch.setenv("HF_TOKEN", token)
    monkeypatch.setattr(train, "fit", lambda args: pytest.fail("it trained"))
    end = stopped("--push-to-hub", "someone/digits", "--out", tmp_path / "run")
    assert end.startswith("Nothing can be pushed to someone/digits: ")
    assert sentence in end


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (["--push-only", "weights/binary"], "--push-only, --private and --revision need --push-to"),
        (["--private"], "--push-only, --private and --revision need --push-to-hub ns/name."),
        (["--push-to-hub", "digits"], "A Hub id is NAMESPACE/NAME, got digits."),
        (["--push-to-hub", "a/b", "--push-only", "docs"], "docs holds no model"),
    ],
)
def test_flags_that_cannot_push_are_refused(hub, monkeypatch, flags, sentence):
    monkeypatch.setattr(train, "fit", lambda args: pytest.fail("it trained"))
    assert sentence in stopped(*flags)


@pytest.mark.parametrize("refused", ["POST .*/commit/", "PUT /lfs/", "POST /api/repos/create"])
def test_a_failed_push_loses_nothing_and_says_the_command_that_pushes_again(
    hub, run, capsys, refused
):
    before = sorted(run.rglob("*"))
    flags = ["--push-to-hub", "someone/again", "--private", "--revision", "trial"]
    with hub.refusing(refused, 403):
        end = stopped("--push-only", run, *flags)
    assert end.startswith("Pushing to someone/again failed: the token may not do this (403)")
    assert sorted(run.rglob("*")) == before
    command = end.partition("to push again: python train.py ")[2]
    train.main(command.split())
    assert capsys.readouterr().out == f"Pushed: {hub.url}/someone/again/tree/trial\n"
    assert "model.safetensors" in hub.repos["models/someone/again"].files("trial")


def test_training_pushes_what_it_fitted(hub, monkeypatch, tmp_path, capsys):
    """The real command on a few images of noise."""
    noise = torch.randint(256, (6, 1, 28, 28), generator=torch.Generator().manual_seed(0))
    images = Images(noise.to(torch.uint8), torch.arange(6))
    monkeypatch.setattr(train, "load_images", lambda *arguments: images)
    flags = "--epochs 2 --batch-size 3 --inner-dim 4 --dilations 1 --device cpu --lr 0.03125"
    run = tmp_path / "run"
    train.main([*flags.split(), "--out", str(run), "--push-to-hub", "someone/fitted"])
    assert f"Pushed: {hub.url}/someone/fitted\n" in capsys.readouterr().out
    repo = hub.repos["models/someone/fitted"]
    assert repo.files()["model.safetensors"] == (run / "best/model.safetensors").read_bytes()
    assert json.loads(repo.files()[TRAINING])["stages"][0]["settings"]["lr"] == 0.03125
    assert "not evaluated" in card(repo).text
    assert set(repo.files()) >= {LOG, "loss.png", "samples.png", "samples-epoch-002.png"}
    train.main(
        [
            *flags.split(),
            "--out",
            str(tmp_path / "next"),
            "--init",
            "hf://someone/fitted",
            "--epochs=1",
        ]
    )


def test_the_sentence_of_a_stopped_run_pushes_in_the_end(hub, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(train, "fit", lambda args, world: False)
    flags = ["--push-to-hub", "someone/digits", "--revision", "two words"]
    with pytest.raises(SystemExit):
        train.main([*flags, "--out", str(tmp_path), "--data-dir", "data"])
    tail = "--data-dir data --push-to-hub someone/digits --revision 'two words'\n"
    assert capsys.readouterr().out.endswith(tail)


def test_new_weights_have_no_old_figures(tmp_path, model):
    save(model, tmp_path)
    (tmp_path / METRICS).write_text(json.dumps(FIGURES))
    save(model, tmp_path)
    assert not (tmp_path / METRICS).exists()


def test_no_folder_no_push(hub, tmp_path):
    sentence = f"{tmp_path} holds no model: give the folder of a model or of a run."
    with pytest.raises(FileNotFoundError, match=exactly(sentence)):
        push(Path(tmp_path), "someone/digits")
