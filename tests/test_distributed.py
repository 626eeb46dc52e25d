"""Processes that share training, evaluation and the judging of samples do what one process does."""

import io
import json
import os
import signal
from contextlib import redirect_stdout
from dataclasses import replace

import pytest
import torch

from bench import quality
from bench.figures import Draw, make_reference, measure_model
from bench.judge import Judge
from bench.training_faults import same, write_bars
from pixelcnn import evaluate as evaluate_command
from pixelcnn.density.metrics import evaluate
from pixelcnn.distributed import ALONE, LostError, World
from pixelcnn.store.folder import save
from pixelcnn.training.checkpoint import pack, unpack
from pixelcnn.training.loop import Hooks, train
from pixelcnn.training.run import DivergedError, restore, start
from tests.test_quality import SMALL, bars, tiny_model
from tests.test_training import CONFIG, MODEL, crosses
from tests.toys import random_labels, random_levels, toy_config, wild_model
from tests.workers import together

CPU = torch.device("cpu")
# All that is drawn at random in a step: order, hands, shifts, levels, dropout.
RECIPE = replace(
    CONFIG, epochs=2, optimizer="muon", freehand=0.5, precision="fp32", sample_epochs=()
)
HANDS = replace(MODEL, height=12, width=12, freehand=True)


@pytest.mark.parametrize(("count", "size"), [(0, 2), (1, 3), (7, 2), (16, 5)])
def test_shares_divide_what_there_is(count, size):
    shares = [range(count)[World(rank, size).share(count)] for rank in range(size)]
    assert [each for share in shares for each in share] == list(range(count))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def fit(world, config, state=None, stop=None):
    """Train on crosses in float64, so that rounding is small; the state at the end, and what was called."""
    torch.set_default_dtype(torch.float64)
    try:
        called = []
        model = replace(HANDS, dropout=0.0) if config.posterior else HANDS
        run = restore(unpack(state, CPU), CPU) if state else start(model, config, CPU)
        hooks = Hooks(
            after_epoch=lambda run: called.append("epoch"),
            checkpoint=lambda run: called.append("checkpoint"),
            checkpoint_steps=2,
            should_stop=lambda step: step == stop and world.rank == world.size - 1,
            report=lambda line: called.append("line"),
        )
        complete = train(run, crosses(35, 0), crosses(11, 1), hooks, world)
        assert complete == (stop is None)
        return pack(run.state()), called
    finally:
        torch.set_default_dtype(torch.float32)


def assert_close(first: bytes, second: bytes):
    """Weights, averages and losses of two states are equal to rounding."""
    one, other = unpack(first, CPU), unpack(second, CPU)
    for key in ("model", "average"):
        for name, tensor in one[key].items():
            torch.testing.assert_close(tensor, other[key][name], rtol=1e-8, atol=1e-10)
    for ours, theirs in zip(one["history"], other["history"], strict=True):
        assert ours == pytest.approx(theirs, rel=1e-9)
    assert torch.equal(one["random"]["cpu"], other["random"]["cpu"])


@pytest.fixture(scope="module")
def alone():
    state, called = fit(ALONE, RECIPE)
    assert called.count("epoch") == 2
    return state


@pytest.fixture(scope="module")
def two():
    return together(fit, RECIPE)


def test_two_processes_follow_one_with_the_whole_batch(alone, two):
    """35 images in batches of 16: the last has 3, which two processes cannot halve."""
    (first, _), (second, _) = two
    assert first == second
    assert_close(first, alone)


def test_two_processes_follow_one_that_learns_to_read_tops():
    """Two tops of each batch; the last batch has one, which leaves the second process without."""
    config = replace(RECIPE, epochs=1, posterior=2.0)
    ((state, _), _), (alone, _) = together(fit, config), fit(ALONE, config)
    assert_close(state, alone)
    without, _ = fit(ALONE, replace(config, posterior=0.0))
    with pytest.raises(AssertionError):
        assert_close(alone, without)


def test_the_first_process_alone_keeps_and_tells(two):
    (_, first), (_, second) = two
    assert second == []
    assert first == ["checkpoint", "line", "epoch", "checkpoint", "checkpoint", "line", "epoch"]


def test_more_processes_than_images_follow_one(alone):
    """The last batch has 3 images: of four processes one has none."""
    for state, _ in together(fit, RECIPE, size=4):
        assert_close(state, alone)


def test_a_run_goes_on_with_more_or_fewer_processes(alone, two):
    stopped = together(fit, RECIPE, None, 2)
    assert [called for _, called in stopped] == [["checkpoint"], []]  # the second said stop
    state = stopped[0][0]
    again = together(fit, RECIPE, state)[0][0]
    assert same(unpack(again, CPU), unpack(two[0][0], CPU))  # bit for bit
    assert_close(fit(ALONE, RECIPE, state)[0], alone)
    assert_close(together(fit, RECIPE, state, size=3)[0][0], alone)


def test_a_loss_that_is_lost_stops_all():
    results = together(fit, replace(RECIPE, lr=1e30, optimizer="adam", grad_clip=0.0))
    assert {type(error) for error in results} == {DivergedError}


def die(world, number):
    """The second process dies at its third step."""

    def should_stop(step):
        if step == 3 and world.rank == 1:
            os.kill(os.getpid(), number)
        return False

    hooks = Hooks(should_stop=should_stop, report=lambda line: None)
    train(start(HANDS, RECIPE, CPU), crosses(35, 0), crosses(11, 1), hooks, world)


def test_when_one_process_is_killed_the_others_end_with_a_sentence():
    first, second, third = together(die, signal.SIGKILL, size=3)
    assert second is None
    for error in (first, third):
        assert type(error) is LostError
        assert str(error) == "Another process of this run has ended, so this one ends too."


def speak(world):
    part = torch.full((world.rank, 2), world.rank, dtype=torch.uint8)
    given = b"from the first" if world.first else b"not read"
    return world.gather(part), world.from_first(given), world.any(world.rank == 1), world.any(False)


def test_what_processes_tell_each_other():
    for rows, data, some, none in together(speak, size=3):
        assert rows.tolist() == [[1, 1], [2, 2], [2, 2]]
        assert data == b"from the first"
        assert (some, none) == (True, False)


TOY = toy_config(num_classes=3)


def measure(world):
    levels, labels = random_levels(TOY, 7), random_labels(TOY, 7)
    batches = torch.arange(7).split(3)
    return evaluate(wild_model(TOY), levels, labels, batches[world.share(3)], world)


def test_shared_evaluation_gives_the_figures_of_one():
    first, second = together(measure)
    assert first == second
    whole = measure(ALONE)
    assert first.images == whole.images == 7
    assert first.nats_per_image == pytest.approx(whole.nats_per_image, rel=1e-12)
    given = first.nats_per_image_given_class
    assert given == pytest.approx(whole.nats_per_image_given_class, rel=1e-12)


def judge(world):
    torch.manual_seed(1)
    reference = make_reference(Judge(SMALL).eval(), bars(30), world)
    draw = Draw(temperature=1.0, seed=0, batch_size=3)
    figures, picture = measure_model(reference, tiny_model(), draw, samples=7, halves=bars(4))
    return figures, picture.tobytes()


def test_shared_judging_gives_the_figures_of_one():
    """Three batches of samples and two of completions: of three processes one completes nothing."""
    whole, picture = judge(ALONE)
    frechet = whole.pop("frechet")
    for figures, same_picture in together(judge, size=3):
        assert figures.pop("frechet") == pytest.approx(frechet, rel=1e-4)
        assert figures == whole
        assert same_picture == picture


def say(main, argv):
    """What a command prints."""
    quality.RECIPE = SMALL
    with redirect_stdout(io.StringIO()) as said:
        main(argv)
    return said.getvalue().splitlines()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """With images, weights and a judge."""
    root = tmp_path_factory.mktemp("folder")
    write_bars(root / "data")
    save(tiny_model(), root / "weights")
    return root


@pytest.mark.slow
@pytest.mark.parametrize("name", ["evaluate", "quality"])
def test_shared_commands_print_once_what_one_process_prints(name, folder):
    argv = [str(folder / "weights"), "--data-dir", str(folder / "data"), "--device", "cpu"]
    if name == "evaluate":
        main, flags = evaluate_command.main, ["--batch-size", "30"]
    else:
        main, flags = quality.main, ["--samples", "10", "--completions", "5", "--batch-size", "4"]
        flags += ["--judge", str(folder / "judge"), "--out", str(folder / "out")]
    first, second = together(say, main, [*argv, *flags], joined=False)
    (whole,) = together(say, main, [*argv, *flags], size=1, joined=False)
    assert second == []
    assert len(first) == len(whole) > 5
    ours, theirs = flat(json.loads(first[-1])), flat(json.loads(whole[-1]))
    assert len(ours) == len(theirs)
    for mine, other in zip(ours, theirs, strict=True):
        assert mine == (pytest.approx(other, rel=1e-5) if isinstance(other, float) else other)


def flat(figures):
    """What stands in nested figures, in one list."""
    parts = figures.values() if isinstance(figures, dict) else figures
    if not isinstance(figures, dict | list):
        return [figures]
    return [each for part in parts for each in flat(part)]
