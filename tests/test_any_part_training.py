"""The stage that trains a conditioner: what it changes, what it leaves, and that it can go on."""

from dataclasses import replace

import pytest
import torch

from pixelcnn.config import ModelConfig, TrainConfig
from pixelcnn.data.masks import KINDS
from pixelcnn.store.folder import BEST, load_folder
from pixelcnn.training.any_part import AnyPartValidation, draw_digits
from pixelcnn.training.loop import Hooks
from pixelcnn.training.loop import train as loop
from pixelcnn.training.optimizers import make_optimizers
from pixelcnn.training.run import start
from pixelcnn.training.run_folder import RunFolder
from tests.test_training import CPU, crosses, same, threads

BASE = ModelConfig(height=12, width=12, num_classes=2, freehand=True, inner_dim=6, dilations=(1, 2))
MODEL = replace(BASE, conditioner_dim=8, conditioner_dilations=(1, 2))
CONFIG = TrainConfig(
    objective="any-part",
    model_digits=20,
    epochs=2,
    batch_size=12,
    optimizer="muon",
    lr=1e-2,
    muon_lr=0.02,
    schedule="cosine",
    grad_clip=1.0,
    ema=0.5,
    freehand=0.5,
)
IMAGES = {"images": crosses(60, 0), "validation": crosses(40, 1)}


def begin(config=CONFIG):
    torch.manual_seed(5)
    return start(MODEL, config, CPU, init=start(BASE, TrainConfig(), CPU).model)


def finish(folder, run, **hooks):
    options = {"after_epoch": folder.after_epoch, "checkpoint": folder.save, "report": lines}
    return loop(run, **IMAGES, hooks=Hooks(**(options | hooks)), digits=folder.digits(run))


def lines(line):
    assert "class" in line
    assert "validation" in line


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    path = tmp_path_factory.mktemp("trained")
    with threads(2):
        run = begin()
        assert finish(RunFolder.new(path), run)
    return path, run


def test_the_network_stays_as_it_is_and_the_conditioner_learns(trained):
    path, run = trained
    before = begin().model.state_dict()
    for model in (run.model, run.average, load_folder(path / BEST)):
        after = model.state_dict()
        for name in after:
            frozen = name.startswith("network.")
            assert torch.equal(after[name], before[name]) == frozen, name
    first, last = run.history
    assert last["train_nats_per_image"] < first["train_nats_per_image"]
    assert last["validation_nats_per_image"] < first["validation_nats_per_image"]
    for _, draw in KINDS[:-1]:
        assert last[f"validation_nats_{draw.__name__}"] > 0
        assert 0 <= last[f"validation_head_accuracy_{draw.__name__}"] <= 1


@pytest.mark.parametrize("stops", [(1,), (3, 6)])
def test_a_resumed_stage_equals_an_uninterrupted_one_bit_for_bit(trained, tmp_path, stops):
    with threads(2):
        folder, run = RunFolder.new(tmp_path), begin()
        for stop in stops:
            assert not finish(folder, run, should_stop=lambda step, at=stop: step == at)
            torch.manual_seed(1234)
            folder, run = RunFolder.resume(tmp_path, CPU)
        assert finish(folder, run)
    assert same(run.model.state_dict(), trained[1].model.state_dict())
    assert same(run.average.state_dict(), trained[1].average.state_dict())
    assert run.history == trained[1].history


def test_digits_of_the_model_are_drawn_once_in_both_styles(tmp_path):
    run = begin()
    digits = RunFolder.new(tmp_path).digits(run)
    again = draw_digits(run.model.eval(), 20, 0.5, CONFIG.seed)
    assert digits.levels.equal(again.levels)
    assert len(digits) == 20
    assert digits.levels.dtype == torch.uint8
    many = draw_digits(run.model.eval(), 1300, 0.5, 0)
    assert 0.3 < many.freehand.float().mean() < 0.7
    levels, labels, freehand = many.batch(9, torch.Generator().manual_seed(0))
    assert (levels.shape, levels.dtype) == ((9, 1, 12, 12), torch.long)
    assert labels.shape == freehand.shape == (9,)


def test_validation_masks_are_of_all_kinds_in_both_styles():
    run = begin()
    held_out = AnyPartValidation.of(run, IMAGES["validation"])
    again = AnyPartValidation.of(run, IMAGES["validation"])
    assert held_out.given.equal(again.given)
    assert len(held_out.levels) == 80
    for style in (False, True):
        kinds = held_out.kind[held_out.freehand == style]
        assert set(kinds.tolist()) == set(range(len(KINDS) - 1))


def test_only_what_learns_has_an_optimizer():
    run = begin()
    taken = [
        p
        for each in make_optimizers(run.model, CONFIG)
        for group in each.param_groups
        for p in group["params"]
    ]
    assert run.model.conditioner is not None
    wanted = {id(p) for p in run.model.conditioner.parameters()}
    assert {id(p) for p in taken} == wanted
    assert len(taken) == len(wanted)


def test_the_stage_needs_a_conditioner():
    with pytest.raises(ValueError, match="--objective any-part needs a conditioner"):
        start(BASE, CONFIG, CPU)


def test_a_stage_can_begin_with_a_conditioner(trained):
    _, run = trained
    more = start(MODEL, CONFIG, CPU, init=run.model)
    assert same(more.model.state_dict(), run.model.state_dict())
