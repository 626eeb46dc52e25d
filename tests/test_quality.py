"""`python -m bench.quality`: its distances, its judge, and the command."""

import dataclasses
import json

import numpy as np
import pytest
import torch

from bench import judge as judges
from bench import quality
from bench.distances import fit_gaussian, frechet_distance, nearest
from bench.figures import Draw, draw_completions, draw_samples, make_reference, measure_images
from bench.judge import Judge, Reading, Recipe, accuracy, cache_path, get_judge, ink_of
from pixelcnn import PixelCNN
from pixelcnn.config import ModelConfig
from pixelcnn.data.datasets import Images
from pixelcnn.store.folder import save
from tests.toys import exactly, write_mnist

SMALL = Recipe(channels=(4, 8), hidden=32, features=16, epochs=5, batch_size=20, lr=0.01)


def bars(count):
    """Images that a judge learns at once: class k is a bar in column 2k + 4, its brightness varies."""
    labels = torch.arange(count) % 10
    greys = torch.zeros(count, 1, 28, 28, dtype=torch.uint8)
    brightness = 128 + torch.arange(count) % 128
    for k in range(count):
        greys[k, :, 4:24, 2 * labels[k] + 4] = brightness[k]
    return Images(greys, labels)


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    """A judge of bars, where it is cached, and its accuracy."""
    folder = tmp_path_factory.mktemp("judge")
    judge, right = get_judge(folder, bars(400), bars(50), SMALL)
    return judge, folder, right


def tiny_model(**fields):
    torch.manual_seed(0)
    values = {"num_classes": 10, "inner_dim": 2, "dilations": (1,)} | fields
    return PixelCNN(ModelConfig(**values)).eval()


def random_ink(count, seed):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(2, (count, 1, 28, 28), generator=generator)


def test_frechet_distance_of_equal_sets_is_zero():
    features = torch.randn(50, 84, dtype=torch.float64)  # a singular covariance: 50 < 84
    gaussian = fit_gaussian(features)
    assert frechet_distance(gaussian, gaussian) == pytest.approx(0, abs=1e-5)


def test_frechet_distance_has_the_closed_form_of_two_dimensions():
    """tr sqrt(M) = sqrt(tr M + 2 sqrt(det M)) for a 2x2 M, here the product of two covariances."""
    rng = np.random.default_rng(0)
    a, b = (
        fit_gaussian(torch.from_numpy(rng.normal(size=(30, 2)) @ rng.normal(size=(2, 2)) + shift))
        for shift in (0, 3)
    )
    product = a.covariance @ b.covariance
    root = np.sqrt(np.trace(product) + 2 * np.sqrt(np.linalg.det(product)))
    traces = np.trace(a.covariance) + np.trace(b.covariance) - 2 * root
    expected = ((a.mean - b.mean) ** 2).sum() + traces
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-9)
    assert frechet_distance(b, a) == pytest.approx(expected, rel=1e-9)
    assert expected > 9


def test_the_gaussian_has_the_mean_and_the_unbiased_covariance():
    gaussian = fit_gaussian(torch.tensor([[1.0, 0.0], [3.0, 0.0], [5.0, 6.0]]))
    assert gaussian.mean.tolist() == [3, 2]
    assert gaussian.covariance.tolist() == [[4, 6], [6, 12]]


def test_nearest_agrees_with_brute_force(monkeypatch):
    monkeypatch.setattr("bench.distances.CHUNK", 3)
    images, others = random_ink(7, 0), random_ink(11, 1)
    others[4] = images[2]
    brute = (images[:, None] != others[None]).sum((2, 3, 4))
    distances, indices = nearest(images, others)
    assert distances.tolist() == brute.min(1).values.tolist()
    assert brute[torch.arange(7), indices].tolist() == distances.tolist()
    assert (distances[2], indices[2]) == (0, 4)


def test_ink_is_grey_128_and_up():
    greys = torch.tensor([0, 127, 128, 255], dtype=torch.uint8).view(1, 1, 1, 4)
    assert ink_of(Images(greys, torch.zeros(1))).flatten().tolist() == [0, 0, 1, 1]


def test_the_judge_is_trained_once_and_cached(judged):
    first, folder, right = judged
    second, right_again = get_judge(folder, None, bars(50), SMALL)  # nothing to train on
    assert right_again == right == accuracy(first, bars(50)) >= 0.99
    assert not first.training
    assert not second.training
    for name, tensor in first.state_dict().items():
        assert torch.equal(tensor, second.state_dict()[name])


def test_training_leaves_the_random_state_alone(tmp_path):
    state = torch.get_rng_state()
    get_judge(tmp_path, bars(20), bars(10), dataclasses.replace(SMALL, least_accuracy=0))
    assert torch.equal(torch.get_rng_state(), state)


def test_another_recipe_has_another_cache(tmp_path):
    other = dataclasses.replace(SMALL, seed=1)
    assert cache_path(tmp_path, SMALL) != cache_path(tmp_path, other)
    assert cache_path(tmp_path, SMALL) == cache_path(tmp_path, dataclasses.replace(SMALL))


def test_the_seed_decides_the_judge(tmp_path):
    def weights(name, seed):
        recipe = dataclasses.replace(SMALL, seed=seed, least_accuracy=0)
        judge, _ = get_judge(tmp_path / name, bars(100), bars(10), recipe)
        return judge.head[1].weight

    assert torch.equal(weights("a", 0), weights("b", 0))
    assert not torch.equal(weights("a", 0), weights("c", 1))


def test_a_judge_that_errs_is_refused_and_not_kept(tmp_path):
    half = torch.where(torch.arange(50) < 25, bars(50).labels, (bars(50).labels + 1) % 10)
    wrong = Images(bars(50).greys, half)
    sentence = (
        "The judge is right on 50.00% of the test images, and must be on 99% at least to judge."
    )
    with pytest.raises(ValueError, match=exactly(sentence)):
        get_judge(tmp_path, bars(400), wrong, SMALL)
    assert not list(tmp_path.iterdir())


def test_a_damaged_cache_is_one_sentence(tmp_path):
    path = cache_path(tmp_path, SMALL)
    path.write_bytes(b"no weights")
    sentence = f"{path} is damaged: delete it to train the judge anew."
    with pytest.raises(ValueError, match=exactly(sentence)):
        get_judge(tmp_path, bars(10), bars(10), SMALL)


def test_figures_of_the_training_images_themselves(judged):
    """At distance 0, all copies, and each judged to be of its class."""
    images = bars(43)
    ink = ink_of(images)
    reference = make_reference(judged[0], images)
    figures, picture = measure_images(reference, ink, images.labels)
    assert figures["frechet"] == pytest.approx(0, abs=1e-4)
    assert figures["own_class"] == 1
    assert figures["shares"]["each"] == pytest.approx([5 / 43] * 3 + [4 / 43] * 7)
    assert figures["shares"]["least"] == pytest.approx(4 / 43)
    assert figures["shares"]["most"] == pytest.approx(5 / 43)
    assert figures["nearest"] == {"copies": 1, "least": 0, "median": 0}
    assert picture.width > picture.height


def test_figures_of_other_images(judged):
    images = bars(40)
    reference = make_reference(judged[0], images)
    ink = ink_of(images).clone()
    ink[:, :, 0, :3] = 1
    ink[0, :, 0, :2] = 0
    figures, _ = measure_images(reference, ink, (images.labels + 1) % 10)
    assert figures["own_class"] == 0
    assert figures["nearest"] == {"copies": 0, "least": 1, "median": 3}
    figures, _ = measure_images(reference, 1 - ink, None)
    assert figures["own_class"] is None
    assert figures["frechet"] > 1


def test_the_judge_is_sure_above_nine_tenths(judged, monkeypatch):
    reading = Reading(
        digit=torch.zeros(4, dtype=torch.long),
        confidence=torch.tensor([0.2, 0.9, 0.91, 1.0]),
        features=torch.rand(4, 16, dtype=torch.float64),
    )
    reference = make_reference(judged[0], bars(40))
    monkeypatch.setattr(Judge, "read", lambda *_: reading)
    figures, _ = measure_images(reference, ink_of(bars(4)), None)
    assert figures["sure"] == 0.5


def test_draws_depend_on_the_seed_and_keep_the_top_halves():
    model = tiny_model()
    draw = Draw(temperature=1.0, seed=0, batch_size=3)
    first, label = draw_samples(model, draw, 4)
    assert first.shape == (4, 1, 28, 28)
    assert label.shape == (4,)
    assert torch.equal(first, draw_samples(model, draw, 4)[0])
    assert not torch.equal(first[0], first[3])  # the batches have different seeds
    other = dataclasses.replace(draw, seed=1)
    assert not torch.equal(first, draw_samples(model, other, 4)[0])
    halves = bars(4)
    completed, label = draw_completions(model, draw, halves)
    assert torch.equal(completed[:, :, :14], ink_of(halves)[:, :, :14])
    assert not torch.equal(completed[:, :, 14:], ink_of(halves)[:, :, 14:])
    assert label.shape == (4,)


def test_greys_are_judged_by_their_upper_half():
    model = tiny_model(levels=4, likelihood="categorical", num_classes=0)
    draw = Draw(temperature=1.0, seed=0, batch_size=2)
    halves = bars(2)
    halves.greys[0, 0, 5, :4] = torch.tensor([0, 100, 130, 255], dtype=torch.uint8)
    ink, label = draw_completions(model, draw, halves)
    assert label is None
    assert ink[0, 0, 5, :4].tolist() == [0, 0, 1, 1]
    assert torch.equal(ink[:, :, :14], ink_of(halves)[:, :, :14])
    assert set(ink.unique().tolist()) == {0, 1}


NO_MODEL = (
    "nowhere is no folder here: give binary, gray, residual, the folder of a model or a run, or"
    " hf://NAMESPACE/NAME."
)


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (["--samples", "1"], "--samples must be 2 to 1,000,000, got 1."),
        (["--completions", "0"], "--completions must be 1 to 10,000, got 0."),
        (["--batch-size", "0"], "--batch-size must be 1 to 10,000, got 0."),
        (["--seed", "-1"], "--seed must be 0 to 4,000, got -1."),
        (["--seed", "4001"], "--seed must be 0 to 4,000, got 4,001."),
        (["--temperature", "nan"], "--temperature must be finite and 0 or more, got nan."),
        (["--temperature", "-1"], "--temperature must be finite and 0 or more, got -1.0."),
        ([], NO_MODEL),
    ],
)
def test_bad_flags_end_in_one_sentence(flags, sentence):
    with pytest.raises(SystemExit) as stopped:
        quality.main(["nowhere", *flags])
    assert stopped.value.code == sentence


def test_a_model_of_other_images_is_refused(tmp_path):
    save(tiny_model(height=8), tmp_path)
    with pytest.raises(SystemExit) as stopped:
        quality.main([str(tmp_path)])
    assert stopped.value.code == (
        "The judge reads images of shape (1, 28, 28) in 0 or 10 classes:"
        " this model makes (1, 8, 28) in 10."
    )


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    """5,400 training images, of which 400 stay beside validation, and 50 test images, all bars."""
    root = tmp_path_factory.mktemp("data")
    for part, count in (("train", 5400), ("t10k", 50)):
        images = bars(count)
        write_mnist(root, part, images.greys[:, 0].numpy(), images.labels.numpy())
    return root


def command(model, data_dir, tmp_path, monkeypatch, capsys, *flags):
    """Run the command on tiny counts, with a small judge; returns its lines and its JSON."""
    monkeypatch.setattr(quality, "RECIPE", SMALL)
    save(model, tmp_path / "weights")
    folders = ["--judge", str(tmp_path / "judge"), "--out", str(tmp_path / "out")]
    counts = ["--samples", "12", "--completions", "5", "--batch-size", "8"]
    quality.main(
        [str(tmp_path / "weights"), "--data-dir", str(data_dir), *folders, *counts, *flags]
    )
    lines = capsys.readouterr().out.splitlines()
    return lines, json.loads(lines[-1])


def test_the_command_measures_two_temperatures(data_dir, tmp_path, monkeypatch, capsys):
    flags = ["--temperature", "0.5", "--seed", "3"]
    lines, result = command(tiny_model(), data_dir, tmp_path, monkeypatch, capsys, *flags)
    assert (result["samples"], result["test_digits"], result["completions"]) == (12, 12, 5)
    assert result["seed"] == 3
    assert result["weights"] == str(tmp_path / "weights")
    assert result["judge"]["test_accuracy"] >= 0.99
    assert [column["temperature"] for column in result["model"]] == [1.0, 0.5]
    names = {"sure", "frechet", "own_class", "shares", "nearest", "completed", "class_drawn"}
    for column in result["model"]:
        assert set(column) == names | {"temperature"}
        assert None not in column.values()
        # An untrained model draws noise.
        assert column["nearest"]["least"] > 50
        assert column["frechet"] > 1
    assert set(result["real"]) == names - {"class_drawn"}
    assert result["real"]["own_class"] == result["real"]["completed"] == 1
    assert result["real"]["nearest"] == {"copies": 1, "least": 0, "median": 0}
    table = "\n".join(lines[:-1])
    assert "judged as the original, 5 halves" in table
    assert f"{result['model'][1]['frechet']:.2f}" in table
    assert (tmp_path / "out" / "nearest.png").stat().st_size > 1000
    assert len(list((tmp_path / "judge").iterdir())) == 1


def test_the_command_without_classes_says_what_is_left_out(data_dir, tmp_path, monkeypatch, capsys):
    model = tiny_model(architecture="residual", num_classes=0, levels=4, likelihood="categorical")
    lines, result = command(model, data_dir, tmp_path, monkeypatch, capsys)
    (column,) = result["model"]
    assert (column["own_class"], column["class_drawn"]) == (None, None)
    assert 0 <= column["completed"] <= 1
    assert "The model has no classes: rows that need the class of a sample are left out." in lines
    assert "Of 4 levels the upper half is ink to the judge." in lines


def test_the_command_refuses_a_poor_judge(data_dir, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(
        judges.Judge,
        "read",
        lambda _, ink: Reading(
            digit=torch.full((len(ink),), 3), confidence=torch.ones(len(ink)), features=ink
        ),
    )
    with pytest.raises(SystemExit) as stopped:
        command(tiny_model(), data_dir, tmp_path, monkeypatch, capsys)
    assert stopped.value.code == (
        "The judge is right on 10.00% of the test images, and must be on 99% at least to judge."
    )
