import json
import math
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from pixelcnn.config import ModelConfig, TrainConfig
from pixelcnn.data.datasets import Images, freehand_images
from pixelcnn.density.model import PixelCNN
from pixelcnn.sampling.draft import Draft
from pixelcnn.sampling.naive import draw_naive
from pixelcnn.store import names
from pixelcnn.store.folder import BEST, CHECKPOINT, CURVES, LAST, LOG, TRAINING, grid_name, sha256
from pixelcnn.store.grid import grid
from pixelcnn.store.stages import Origin, Result, read_stages
from pixelcnn.training import validation
from pixelcnn.training.checkpoint import load_checkpoint, save_checkpoint
from pixelcnn.training.loop import Hooks
from pixelcnn.training.loop import train as loop
from pixelcnn.training.optimizers import make_optimizers
from pixelcnn.training.run import DivergedError, restore, start
from pixelcnn.training.run_folder import RunFolder
from pixelcnn.training.step import train_step

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


def crosses(count: int, seed: int) -> Images:
    """Images large enough to be drawn free-hand: an upright and a level stroke of class 0 or 1."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(2, (count,), generator=generator)
    greys = torch.zeros(count, 1, 12, 12, dtype=torch.uint8)
    greys[:, :, 2:10, 5:7] = 255
    greys[labels == 1, :, 5:7, 2:10] = 255
    return Images(greys, labels)


@contextmanager
def threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


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


def train(folder, run, **options):
    """The loop, with its files in a folder."""
    options = {"after_epoch": folder.after_epoch, "checkpoint": folder.save} | options
    return loop(run, TRAIN, VALIDATION, Hooks(**options))


def run_all(path, config=CONFIG, stops=(), **options):
    """Train to the end, stopping and resuming after each of the steps in `stops`."""
    folder, run = RunFolder.new(path), start(MODEL, config, CPU)
    for stop in stops:
        complete = train(folder, run, should_stop=lambda s, at=stop: s == at, **options)
        assert not complete
        torch.manual_seed(1234)  # what else happens in between must not matter
        folder, run = RunFolder.resume(path, CPU)
    assert train(folder, run, **options)
    return run


def same(a: dict, b: dict) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The folder of a run that is not interrupted."""
    return tmp_path_factory.mktemp("whole")


@pytest.fixture(scope="module")
def uninterrupted(whole):
    return run_all(whole)


@pytest.mark.parametrize("stops", [(1,), (5,), (7, 10), (2, 3, 4)])
def test_resumed_equals_uninterrupted_bit_for_bit(stops, uninterrupted, whole, tmp_path):
    run = run_all(tmp_path, stops=stops)
    assert same(run.model.state_dict(), uninterrupted.model.state_dict())
    assert same(run.average.state_dict(), uninterrupted.average.state_dict())
    assert run.history == uninterrupted.history
    for name in (LOG, TRAINING):
        assert (tmp_path / name).read_text() == (whole / name).read_text()


@pytest.mark.slow
def test_a_resumed_run_of_the_recipe_equals_an_uninterrupted_one_bit_for_bit(tmp_path):
    """Muon, digits drawn free-hand as the other of two hands, and batches divided between two threads."""
    model = replace(MODEL, height=12, width=12, dropout=0.0, freehand=True)
    config = replace(
        CONFIG,
        epochs=2,
        freehand=0.5,
        posterior=2.0,
        optimizer="muon",
        binarization="threshold",
    )
    images = {"images": crosses(36, 0), "validation": crosses(12, 1)}
    quiet = Hooks(report=lambda line: None)

    with threads(2):
        whole = start(model, config, CPU)
        assert loop(whole, **images, hooks=quiet)
        run = start(model, config, CPU)
        for stop in (1, 4):
            hooks = replace(quiet, should_stop=lambda step, at=stop: step == at)
            assert not loop(run, **images, hooks=hooks)
            save_checkpoint(run.state(), tmp_path / CHECKPOINT)
            torch.manual_seed(1234)
            run = restore(load_checkpoint(tmp_path / CHECKPOINT, CPU), CPU)
        assert loop(run, **images, hooks=quiet)
    for first, second in ((whole.model, run.model), (whole.average, run.average)):
        assert same(first.state_dict(), second.state_dict())
    assert run.history == whole.history
    assert "validation_freehand_nats_per_image" in run.history[0]


def test_a_killed_run_goes_on_from_its_last_checkpoint(uninterrupted, tmp_path):
    class KilledError(Exception):
        pass

    def kill(step):
        if step == 9:
            raise KilledError
        return False

    folder, run = RunFolder.new(tmp_path), start(MODEL, CONFIG, CPU)
    with pytest.raises(KilledError):
        train(folder, run, should_stop=kill, checkpoint_steps=2)
    folder, run = RunFolder.resume(tmp_path, CPU)
    assert run.step == 8
    train(folder, run)
    assert same(run.model.state_dict(), uninterrupted.model.state_dict())


def test_another_seed_gives_other_weights():
    first, again, other = (start(MODEL, replace(CONFIG, seed=seed), CPU) for seed in (0, 0, 1))
    assert same(first.model.state_dict(), again.model.state_dict())
    assert not same(other.model.state_dict(), first.model.state_dict())


def test_a_run_can_begin_with_the_weights_of_another(uninterrupted, whole):
    first = names.load(whole / BEST)
    other = replace(MODEL, dropout=0.5)
    run = start(other, CONFIG, CPU, init=first)
    assert run.model.config == other
    assert same(run.model.state_dict(), first.state_dict())
    assert run.average is not None
    assert same(run.average.state_dict(), run.model.state_dict())
    with pytest.raises(ValueError, match=r"another model.*give the same flags"):
        start(replace(MODEL, inner_dim=7), CONFIG, CPU, init=first)


def test_a_run_begins_as_the_shallower_model_that_it_deepens():
    torch.manual_seed(1)
    shallow = replace(MODEL, num_classes=3, dilations=(1, 2, 4), class_from=1)
    init = PixelCNN(shallow).eval()
    for parameter in init.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    deep = replace(shallow, dilations=(1, 8, 2, 2, 4), class_from=3)
    run = start(deep, CONFIG, CPU, init=init)
    levels, label = torch.randint(2, (3, 1, shallow.height, shallow.width)), torch.arange(3)
    assert run.model.eval()(levels, label).equal(init(levels, label))
    loss = run.model(levels, label).square().sum()
    loss.backward()
    assert all(block.out.weight.grad.any() for block in run.model.network.vertical)
    for other in (
        replace(deep, dilations=(1, 8, 2, 4, 4)),  # not the blocks of init around the new ones
        replace(deep, class_from=2),  # of the new ones, one is told the class
        replace(deep, dilations=(1, 2), class_from=1),  # shallower
        replace(deep, inner_dim=7),
    ):
        with pytest.raises(ValueError, match=r"another model.*give the same flags"):
            start(other, CONFIG, CPU, init=init)


def test_the_stages_tell_the_whole_history_of_the_weights(uninterrupted, whole, tmp_path):
    (first,) = read_stages(whole)
    assert first.origins == ()
    assert first.epochs == 3
    assert first.model == MODEL.to_dict()
    assert first.settings == uninterrupted.config.to_dict()
    assert first.settings["precision"] in ("bf16", "fp32")
    assert {each.sha256 for each in first.results} == {sha256(whole / n) for n in (BEST, LAST)}

    path = tmp_path / "next"
    folder = RunFolder.new(path, whole / BEST)
    run = start(MODEL, replace(CONFIG, epochs=2), CPU, init=names.load(whole / BEST))
    assert not train(folder, run, should_stop=lambda step: step == 7)
    folder, run = RunFolder.resume(path, CPU)
    assert train(folder, run)
    stages = read_stages(path)
    assert stages[0] == first
    assert stages[1].origins == (Origin(sha256=sha256(whole / BEST), stage=1),)
    assert stages[1].epochs == 2
    last = run.history[-1]["validation_nats_per_image"]
    assert Result(sha256=sha256(path / LAST), epoch=2, validation_nats_per_image=last) in (
        stages[1].results
    )


@pytest.mark.parametrize("name", [BEST, CHECKPOINT, TRAINING, LOG])
def test_a_folder_that_holds_a_run_is_refused(whole, uninterrupted, tmp_path, name):
    source = whole / name
    (shutil.copytree if source.is_dir() else shutil.copy)(source, tmp_path / name)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(ValueError, match=f"holds another run.*{name}.*give another --out"):
        RunFolder.new(tmp_path)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_run_that_was_killed_before_its_first_save_leaves_nothing_to_confuse(tmp_path):
    RunFolder.new(tmp_path)
    start(MODEL, CONFIG, CPU)
    assert list(tmp_path.iterdir()) == []
    RunFolder.new(tmp_path)


@pytest.mark.parametrize(("value", "sentence"), [(math.nan, "no longer"), (1e6, "exploded to")])
@pytest.mark.parametrize("at", [2, 7])
def test_a_loss_that_is_lost_stops_the_run_and_keeps_what_was_good(at, value, sentence, tmp_path):
    """Steps 1-5 are the first epoch."""
    folder, run = RunFolder.new(tmp_path), start(MODEL, replace(CONFIG, ema=0), CPU)

    def poison(step):
        if step == at:
            with torch.no_grad():
                for weight in run.model.network.head.parameters():
                    weight.fill_(value)
        return False

    with pytest.raises(
        DivergedError, match=sentence + r".*, at step \d+, in epoch \d.*a lower --lr"
    ) as stopped:
        train(folder, run, should_stop=poison, checkpoint_steps=3)
    assert "\n" not in str(stopped.value)
    state = load_checkpoint(tmp_path / CHECKPOINT, CPU) if at > 3 else {"step": 0, "model": {}}
    assert state["step"] == (6 if at > 3 else 0)
    assert all(tensor.isfinite().all() for tensor in state["model"].values())
    assert (tmp_path / BEST).exists() == (at > 5)


def test_the_log_has_one_line_per_epoch_in_nats_and_bits(uninterrupted, whole):
    lines = [json.loads(line) for line in (whole / LOG).read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [1, 2, 3]
    for line in lines:
        for split in ("train", "validation"):
            nats = line[f"{split}_nats_per_image"]
            assert line[f"{split}_bits_per_dim"] == pytest.approx(nats / 36 / math.log(2))


def test_training_learns(uninterrupted):
    nats = [entry["validation_nats_per_image"] for entry in uninterrupted.history]
    assert nats[-1] < 0.8 * 36 * math.log(2)


def test_files_of_a_run(uninterrupted, whole):
    names = {path.name for path in whole.iterdir()}
    assert names == {
        BEST,
        LAST,
        CURVES,
        "steps.csv",
        LOG,
        TRAINING,
        CHECKPOINT,
        "samples-epoch-001.png",
        "samples-epoch-003.png",
    }


def test_best_is_kept_apart_from_last(tmp_path):
    """With a learning rate that ruins the weights after the first epoch, best is the first."""
    config = TrainConfig(epochs=1, batch_size=16, lr=5e-3)
    folder, run = RunFolder.new(tmp_path), start(MODEL, config, CPU)
    train(folder, run)
    best = names.load(tmp_path / BEST).state_dict()
    run.config = replace(config, epochs=2, lr=0.03)
    run.optimizers = make_optimizers(run.model, run.config)
    train(folder, run)
    assert same(names.load(tmp_path / BEST).state_dict(), best)
    assert not same(names.load(tmp_path / LAST).state_dict(), best)
    (stage,) = read_stages(tmp_path)
    assert [result.epoch for result in stage.results] == [1, 2]
    assert [r.sha256 for r in stage.results] == [sha256(tmp_path / n) for n in (BEST, LAST)]


def test_averaged_weights_are_what_is_saved(uninterrupted, whole):
    last = names.load(whole / LAST).state_dict()
    assert same(last, uninterrupted.average.state_dict())
    assert not same(last, uninterrupted.model.state_dict())


@pytest.mark.parametrize(
    ("fields", "shares"),
    [
        ({"gamma": 0.5}, [1, 1, 0.5, 0.5]),
        ({"gamma": 1.0, "warmup_steps": 3}, [1 / 3, 2 / 3, 1, 1]),
        ({"schedule": "cosine"}, [1, 0.5 + 0.5**1.5, 0.5, 0.5 - 0.5**1.5]),
    ],
)
def test_every_step_is_taken_at_the_rate_of_the_schedule(fields, shares):
    config = TrainConfig(optimizer="muon", epochs=2, batch_size=35, lr=0.01, muon_lr=0.02, **fields)
    run, taken = start(MODEL, config, CPU), []

    def note(step):
        taken.append([each.param_groups[0]["lr"] for each in run.optimizers])
        return False

    assert loop(run, TRAIN, VALIDATION, Hooks(should_stop=note, report=lambda line: None))
    assert taken == [pytest.approx([0.02 * share, 0.01 * share]) for share in shares]


@pytest.mark.parametrize("content", [None, b"", b"not a checkpoint"])
def test_a_missing_or_damaged_checkpoint_is_one_sentence(content, tmp_path):
    path = tmp_path / CHECKPOINT
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(
        ValueError, match=r"nothing to resume from\.|no checkpoint of this project\."
    ):
        RunFolder.resume(tmp_path, CPU)


def test_a_checkpoint_is_replaced_whole(tmp_path, monkeypatch):
    path = tmp_path / CHECKPOINT
    save_checkpoint({"step": 1}, path)

    def fail(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(
        OSError, match=r"checkpoint.pt could not be written: No space left on device\.$"
    ):
        save_checkpoint({"step": 2}, path)
    assert load_checkpoint(path, CPU) == {"step": 1}
    assert [each.name for each in tmp_path.iterdir()] == [CHECKPOINT]


def test_a_run_begins_with_the_features_of_a_model_of_other_levels():
    torch.manual_seed(1)
    init = PixelCNN(MODEL)
    greys = replace(MODEL, levels=4, likelihood="categorical")
    run = start(greys, TrainConfig(), CPU, init=init)
    taken, own = init.state_dict(), run.model.state_dict()
    last = {name for name in own if "head.out" in name}
    assert all(own[name].equal(taken[name]) for name in set(own) - last)
    assert own["network.head.out.weight"].shape == (4, taken["network.head.out.weight"].shape[1])


def test_muon_trains_the_matrices_inside_and_adam_the_rest():
    run = start(MODEL, TrainConfig(optimizer="muon", lr=5e-3, batch_size=16, epochs=2), CPU)
    muon, adam = (
        {id(p) for group in each.param_groups for p in group["params"]} for each in run.optimizers
    )
    assert not muon & adam
    assert muon | adam == {id(p) for p in run.model.parameters()}
    blocks = (*run.model.network.vertical, *run.model.network.horizontal)
    assert {id(block.conv.weight) for block in blocks} <= muon
    loop(run, TRAIN, VALIDATION, Hooks(report=lambda line: None))
    first, second = (entry["train_nats_per_image"] for entry in run.history)
    assert second < first


def test_validation_images_are_drawn_free_hand_once_a_run(monkeypatch):
    drawn = []

    def draw(images, split):
        drawn.append(split)
        return freehand_images(images, split)

    monkeypatch.setattr(validation, "freehand_images", draw)
    model = replace(MODEL, height=12, width=12, freehand=True)
    run = start(model, replace(CONFIG, freehand=0.5), CPU)
    assert loop(run, crosses(20, 0), crosses(8, 1), Hooks(report=lambda line: None))
    assert len(run.history) == 3
    assert drawn == ["validation"]


TWO_HANDS = replace(MODEL, dropout=0.0, freehand=True)


def gradients_of(run, count):
    """Those of a step with images of both hands, divided among so many threads."""
    levels = TRAIN.greys[:20].ge(128).long()
    with threads(count):
        train_step(run, levels, TRAIN.labels[:20], torch.arange(20) < 10, 1.0)
    return [p.grad for p in run.model.parameters()]


@pytest.mark.parametrize("posterior", [0.0, 2.0])
def test_threads_divide_a_batch_and_add_up_to_the_same_gradients(posterior):
    config = TrainConfig(precision="fp32", posterior=posterior)
    one, three = (gradients_of(start(TWO_HANDS, config, CPU), count) for count in (1, 3))
    torch.testing.assert_close(one, three)


def test_the_posterior_adds_the_gradient_of_the_class_given_the_first_rows():
    plain, read = (
        gradients_of(start(TWO_HANDS, TrainConfig(precision="fp32", posterior=weight), CPU), 1)
        for weight in (0.0, 3.0)
    )
    added = [b - a for a, b in zip(plain, read, strict=True)]
    losses = []
    for rows in range(1, 5):  # 6 // 4 to 6 * 3 // 4
        model = start(TWO_HANDS, TrainConfig(), CPU).model
        tops, labels = TRAIN.greys[:2, :, :rows].ge(128).long(), TRAIN.labels[:2]
        scores = torch.stack(
            [model.log_prob(tops, label, freehand=True).sum((1, 2, 3)) for label in range(2)], 1
        )
        loss = -3.0 * scores.log_softmax(1)[torch.arange(2), labels].mean() / 36
        wanted = torch.autograd.grad(loss, list(model.parameters()))
        off = [(a - b).abs().max() for a, b in zip(added, wanted, strict=True)]
        losses.append(float(max(off)))
    assert min(losses) < 1e-6
    assert sorted(losses)[1] > 1e-4  # other rows give others


def test_the_posterior_teaches_to_read_tops():
    """After a few steps the class is found in the first rows more often, by weight of the posterior."""
    wrong = []
    for weight in (0.0, 30.0):
        run = start(TWO_HANDS, TrainConfig(precision="fp32", lr=1e-2, posterior=weight), CPU)
        for _ in range(30):
            gradients_of(run, 1)
            run.step += 1
        levels = TRAIN.greys[:3, :, :4].ge(128).long()
        with torch.inference_mode():
            scores = run.model.class_log_prob(levels, freehand=True).sum((2, 3, 4))
        wrong.append(float(torch.nn.functional.cross_entropy(scores, TRAIN.labels[:3])))
    assert wrong[1] < wrong[0]


def test_each_grid_shows_digits_of_the_weights_of_its_epoch(tmp_path):
    """Fused AdamW changes the weights in place, and their version stays what it was."""
    config = replace(CONFIG, ema=0.0, epochs=2, sample_epochs=(1, 2), grad_clip=0.0)
    folder, run = RunFolder.new(tmp_path), start(replace(MODEL, dropout=0.0), config, CPU)
    grids = {}

    def compare(run):
        folder.after_epoch(run)
        epoch = run.history[-1]["epoch"]
        generator = torch.Generator().manual_seed(config.seed)
        uniforms = torch.rand(64, 1, 6, 6, generator=generator)
        label = (torch.tensor([0.5]) <= torch.rand(64, 1, generator=generator)).sum(-1)
        draft = Draft(levels=torch.zeros_like(uniforms).long(), uniforms=uniforms, condition=label)
        levels, _ = draw_naive(run.evaluated, draft)
        grids[epoch] = np.asarray(grid(levels, 2))
        saved = np.asarray(Image.open(tmp_path / grid_name(epoch)))
        assert (saved == grids[epoch]).all(), epoch

    assert train(folder, run, after_epoch=compare)
    assert (grids[1] != grids[2]).any()
