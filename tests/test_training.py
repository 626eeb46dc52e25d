import json
import math
from dataclasses import replace

import pytest
import torch

from pixelcnn.config import ModelConfig, TrainConfig
from pixelcnn.data.datasets import Images
from pixelcnn.store import hub
from pixelcnn.store.folder import LOG, TRAINING
from pixelcnn.training.checkpoint import load_checkpoint, save_checkpoint
from pixelcnn.training.loop import (
    CHECKPOINT,
    learning_rate_factor,
    make_optimizers,
    resume,
    start,
    train,
)

CPU = torch.device("cpu")


def stripes(count: int, seed: int) -> Images:
    """Images that a model can learn: a stripe, vertical for class 0 and horizontal for class 1."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(2, (count,), generator=generator)
    greys = torch.zeros(count, 1, 6, 6, dtype=torch.uint8)
    for image, label, place in zip(
        greys, labels, torch.randint(6, (count,), generator=generator), strict=True
    ):
        image[(0, slice(None), place) if label == 0 else (0, place)] = 255
    return Images(greys, labels)


TRAIN, VALIDATION = stripes(70, 0), stripes(30, 1)
MODEL = ModelConfig(height=6, width=6, num_classes=2, inner_dim=6, dilations=(1, 2), dropout=0.1)
CONFIG = TrainConfig(
    epochs=3,
    batch_size=16,
    lr=2e-2,
    schedule="cosine",
    warmup_steps=3,
    weight_decay=0.01,
    grad_clip=1.0,
    ema=0.9,
    binarization="stochastic",
    shift=1,
    sample_epochs=(1,),
)


def run_all(folder, config=CONFIG, stops=(), **options):
    """Train to the end, stopping and resuming after each of the steps in `stops`."""
    run = start(MODEL, config, folder, CPU)
    for stop in stops:
        complete = train(run, TRAIN, VALIDATION, should_stop=lambda s, at=stop: s == at, **options)
        assert not complete
        torch.manual_seed(1234)  # what else happens in between must not matter
        run = resume(folder, CPU)
    assert train(run, TRAIN, VALIDATION, **options)
    return run


def same(a: dict, b: dict) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    return run_all(tmp_path_factory.mktemp("whole"))


@pytest.mark.parametrize("stops", [(1,), (5,), (7, 10), (2, 3, 4)])
def test_resumed_equals_uninterrupted_bit_for_bit(stops, uninterrupted, tmp_path):
    run = run_all(tmp_path, stops=stops)
    assert same(run.model.state_dict(), uninterrupted.model.state_dict())
    assert same(run.average.state_dict(), uninterrupted.average.state_dict())
    assert run.history == uninterrupted.history
    assert (tmp_path / LOG).read_text() == (uninterrupted.folder / LOG).read_text()


def test_a_killed_run_goes_on_from_its_last_checkpoint(uninterrupted, tmp_path):
    class KilledError(Exception):
        pass

    def kill(step):
        if step == 9:
            raise KilledError
        return False

    run = start(MODEL, CONFIG, tmp_path, CPU)
    with pytest.raises(KilledError):
        train(run, TRAIN, VALIDATION, should_stop=kill, checkpoint_steps=2)
    run = resume(tmp_path, CPU)
    assert run.step == 8
    train(run, TRAIN, VALIDATION)
    assert same(run.model.state_dict(), uninterrupted.model.state_dict())


def test_another_seed_gives_other_weights(uninterrupted, tmp_path):
    other = start(MODEL, TrainConfig.from_dict(CONFIG.to_dict() | {"seed": 1}), tmp_path, CPU)
    first = start(MODEL, CONFIG, tmp_path, CPU)
    assert not same(other.model.state_dict(), first.model.state_dict())


def test_a_run_can_begin_with_the_weights_of_another(uninterrupted, tmp_path):
    first = uninterrupted.folder / "best"
    other = replace(MODEL, dropout=0.5)
    run = start(other, CONFIG, tmp_path / "next", CPU, init=first)
    assert run.model.config == other
    assert same(run.model.state_dict(), hub.load(first).state_dict())
    assert run.average is not None
    assert same(run.average.state_dict(), run.model.state_dict())
    with pytest.raises(ValueError, match=r"another model.*give the same flags"):
        start(replace(MODEL, inner_dim=7), CONFIG, tmp_path / "other", CPU, init=first)


def test_the_log_has_one_line_per_epoch_in_nats_and_bits(uninterrupted):
    lines = [json.loads(line) for line in (uninterrupted.folder / LOG).read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [1, 2, 3]
    for line in lines:
        for split in ("train", "validation"):
            nats = line[f"{split}_nats_per_image"]
            assert line[f"{split}_bits_per_dim"] == pytest.approx(nats / 36 / math.log(2))


def test_training_learns(uninterrupted):
    nats = [entry["validation_nats_per_image"] for entry in uninterrupted.history]
    assert nats[-1] < 0.8 * 36 * math.log(2)


def test_files_of_a_run(uninterrupted):
    names = {path.name for path in uninterrupted.folder.iterdir()}
    assert names == {
        "best",
        "last",
        "loss.png",
        LOG,
        TRAINING,
        CHECKPOINT,
        "samples-epoch-001.png",
        "samples-epoch-003.png",
    }


def test_best_is_kept_apart_from_last(tmp_path):
    """With a learning rate that ruins the weights after the first epoch, best is the first."""
    run = start(MODEL, TrainConfig(epochs=1, batch_size=16, lr=5e-3), tmp_path, CPU)
    train(run, TRAIN, VALIDATION)
    best = hub.load(tmp_path / "best").state_dict()
    run.config = TrainConfig(epochs=2, batch_size=16, lr=3.0)
    run.optimizers = make_optimizers(run.model, run.config)
    train(run, TRAIN, VALIDATION)
    assert same(hub.load(tmp_path / "best").state_dict(), best)
    assert not same(hub.load(tmp_path / "last").state_dict(), best)


def test_averaged_weights_are_what_is_saved(uninterrupted):
    last = hub.load(uninterrupted.folder / "last").state_dict()
    assert same(last, uninterrupted.average.state_dict())
    assert not same(last, uninterrupted.model.state_dict())


def test_learning_rate_of_the_schedules():
    exponential = TrainConfig(epochs=4, lr=1.0, gamma=0.9)
    assert [learning_rate_factor(exponential, s, 5) for s in (0, 4, 5, 19)] == pytest.approx(
        [1, 1, 0.9, 0.9**3]
    )
    cosine = TrainConfig(epochs=4, lr=1.0, schedule="cosine", warmup_steps=2)
    assert learning_rate_factor(cosine, 0, 5) == pytest.approx(0.5)
    assert learning_rate_factor(cosine, 10, 5) == pytest.approx(0.5)
    assert learning_rate_factor(cosine, 20, 5) == pytest.approx(0)


@pytest.mark.parametrize("content", [None, b"", b"not a checkpoint"])
def test_a_missing_or_damaged_checkpoint_is_one_sentence(content, tmp_path):
    path = tmp_path / CHECKPOINT
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(
        ValueError, match=r"nothing to resume from\.|no checkpoint of this project\."
    ):
        resume(tmp_path, CPU)


def test_a_checkpoint_is_replaced_whole(tmp_path, monkeypatch):
    path = tmp_path / CHECKPOINT
    save_checkpoint({"step": 1}, path)

    def fail(state, file):
        file.write(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(torch, "save", fail)
    with pytest.raises(OSError, match="disk full"):
        save_checkpoint({"step": 2}, path)
    assert load_checkpoint(path, CPU) == {"step": 1}
