"""`python -m bench.hands`: its drawings, its figures, and the command."""

import argparse
import dataclasses
import json

import pytest
import torch

import pixelcnn
from bench import hands, tops
from bench.drawings import (
    HANDS,
    LETTERS,
    RANDOM,
    draw_letters,
    draw_scribbles,
    drawn_digits,
    top_rows,
)
from bench.judge import Judge, Recipe, accuracy, get_judge
from bench.tops import Answers, Reader, calibration_error, figures_of, measure, pool, typicalities
from pixelcnn.config import ModelConfig
from pixelcnn.data.datasets import Images, freehand_images
from pixelcnn.density.model import PixelCNN
from pixelcnn.store.folder import save
from tests.toys import exactly, write_mnist

SMALL = Recipe(
    channels=(8, 16),
    hidden=64,
    features=32,
    dropout=0.0,
    epochs=8,
    batch_size=20,
    lr=3e-3,
    gamma=0.8,
    freehand=0.8,
    least_accuracy=0.0,
)


def signs(count):
    """Class k is an upright bar with k / 2 short bars to the right, and for odd k one to the left."""
    labels = torch.arange(count) % 10
    greys = torch.zeros(count, 1, 28, 28, dtype=torch.uint8)
    greys[:, :, 4:24, 13:15] = 255
    for k in range(count):
        digit = int(labels[k])
        for bar in range(digit // 2):
            greys[k, :, 4 + 5 * bar : 6 + 5 * bar, 15:22] = 255
        if digit % 2:
            greys[k, :, 21:23, 6:13] = 255
    return Images(greys, labels)


def tiny_model(**fields):
    torch.manual_seed(0)
    values = {"num_classes": 10, "inner_dim": 2, "dilations": (1,)} | fields
    return PixelCNN(ModelConfig(**values)).eval()


def test_every_hand_draws_all_digits_on_the_pad():
    images = signs(10)
    drawn = dict(drawn_digits(images, seed=0))
    assert list(drawn) == [*HANDS, RANDOM]
    assert torch.equal(drawn["as MNIST has them"].greys, images.greys)
    for some in drawn.values():
        assert torch.equal(some.labels, images.labels)
        assert (some.greys >= 128).flatten(1).any(1).all()
    moved = drawn["4 px right"].greys
    assert torch.equal(moved[..., 4:], images.greys[..., :-4])
    amount = {name: (some.greys >= 128).sum() for name, some in drawn.items()}
    for smaller, larger in (
        ("80 % of the size", "as MNIST has them"),
        ("as MNIST has them", "120 % of the size"),
        ("120 % of the size", "140 % of the size"),
        ("as MNIST has them", "thicker"),
        ("page's pen, 120 %, 3 px right, 1 px up", "page's pen, 140 %"),
    ):
        assert amount[smaller] < amount[larger]
    assert amount["4 px up"] == amount["as MNIST has them"]


def test_the_seed_decides_random_hands_letters_and_scribbles():
    def drawn(seed):
        hands_of = dict(drawn_digits(signs(10), seed=seed))[RANDOM].greys
        return torch.cat([hands_of, draw_letters(12, seed)[0], draw_scribbles(5, seed)])

    assert torch.equal(drawn(0), drawn(0))
    assert (drawn(0) != drawn(1)).flatten(1).any(1).all()


def test_letters_come_in_turn_and_are_drawings():
    greys, names = draw_letters(26, seed=0)
    assert names[:12] == list(LETTERS)
    assert names[12] == "A"
    ink = (greys >= 128).sum((1, 2, 3))
    assert greys.shape == (26, 1, 28, 28)
    assert ink.min() > 20
    assert ink.max() < 400


def test_scribbles_are_long_lines_on_the_pad():
    greys = draw_scribbles(50, seed=0)
    assert greys.dtype == torch.uint8
    ink = (greys >= 128)[:, 0]
    assert ink.sum((1, 2)).min() > 20
    boxes = ink.any(1).sum(1), ink.any(2).sum(1)
    assert min(box.min() for box in boxes) >= 10


def test_the_top_is_half_or_holds_half_of_the_ink():
    ink = torch.zeros(4, 1, 28, 28, dtype=torch.long)
    ink[0, :, 4:24] = 1  # half of it in the upper half
    ink[1, :, 10:22] = 1  # just a third of it
    ink[2, :, 12:20] = 1  # a quarter: the first four of its rows are half of it
    assert top_rows(ink).tolist() == [14, 14, 16, 14]


def test_the_calibration_error_is_that_of_a_hand_count():
    confidence = torch.tensor([0.99, 0.99, 0.99, 0.51, 0.52])
    right = torch.tensor([True, True, False, True, False])
    answers = Answers(confidence, right)
    assert calibration_error(answers) == pytest.approx((0.97 + 0.03) / 5, abs=1e-6)
    assert calibration_error(Answers(torch.ones(3), torch.ones(3, dtype=torch.bool))) == 0
    assert figures_of(answers) == {
        "right": 0.6,
        "sure_and_wrong": 0.2,
        "calibration_error": calibration_error(answers),
    }
    both = pool([answers, Answers(torch.ones(1), torch.zeros(1, dtype=torch.bool))])
    assert figures_of(both)["right"] == 0.5


@pytest.mark.slow
def test_a_judge_of_free_hand_digits_knows_more_of_them(tmp_path):
    drawn = freehand_images(signs(200), "test")
    judged, _ = get_judge(tmp_path, signs(800), drawn, SMALL)
    plain, _ = get_judge(tmp_path, signs(800), signs(50), dataclasses.replace(SMALL, freehand=0.0))
    assert accuracy(judged, drawn) > accuracy(plain, drawn) + 0.1


def test_tops_are_read_and_completed_under_the_condition(monkeypatch):
    """The figures are those of a posterior and completions that are known beforehand."""
    images = signs(20)
    images.greys[0, :, :16] = 0  # of this one more rows are given
    seen = []

    def posterior(model, levels, *, rows, freehand):
        seen.append(("posterior", len(levels), rows, freehand))
        return torch.eye(10)[torch.full((len(levels),), 3)]

    def completions(model, levels, *, rows, label, seed, freehand):
        seen.append(("complete", len(levels), rows, freehand))
        assert label.tolist() == [3] * len(levels)
        return argparse.Namespace(levels=levels)

    monkeypatch.setattr(pixelcnn, "digit_posterior", posterior)
    monkeypatch.setattr(pixelcnn, "complete", completions)
    monkeypatch.setattr(tops, "knows_condition", lambda model: True)
    monkeypatch.setattr(
        pixelcnn, "typicality", lambda model, levels, rows: torch.zeros(len(levels)), raising=False
    )
    reader = Reader(model=tiny_model(), freehand=True, seed=0, batch_size=10)
    figures, answers = measure(reader, Judge(SMALL).eval(), images)
    assert figures["right"] == 0.1
    assert figures["sure_and_wrong"] == pytest.approx(0.9)
    assert figures["calibration_error"] == pytest.approx(0.9)
    assert figures["completed"] == figures["whole"]  # they are the digits themselves
    assert figures["flagged"] == 1
    assert answers.confidence.tolist() == [1] * 20
    assert sum(count for name, count, *_ in seen if name == "posterior") == 20
    assert {rows for *_, rows, _ in seen if rows != 14}
    assert all(freehand for *_, freehand in seen)
    plain = dataclasses.replace(reader, freehand=False)
    assert typicalities(plain, images.greys) is None  # it is of free-hand drawings alone


NO_MODEL = (
    "nowhere is no folder here: give binary, gray, residual, the folder of a model or a run, or"
    " hf://NAMESPACE/NAME."
)


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (["--limit", "0"], "--limit must be 1 to 10,000, got 0."),
        (["--drawings", "0"], "--drawings must be 1 to 10,000, got 0."),
        (["--batch-size", "0"], "--batch-size must be 1 to 10,000, got 0."),
        (["--seed", "-1"], "--seed must be 0 to 4,000, got -1."),
        (["--seed", "4001"], "--seed must be 0 to 4,000, got 4,001."),
        ([], NO_MODEL),
    ],
)
def test_bad_flags_end_in_one_sentence(flags, sentence):
    with pytest.raises(SystemExit, match=exactly(sentence)):
        hands.main(["nowhere", *flags])


def test_a_model_without_classes_is_refused(tmp_path):
    save(tiny_model(num_classes=0), tmp_path)
    sentence = "This model has no classes, so it cannot tell which digit it sees."
    with pytest.raises(SystemExit, match=exactly(sentence)):
        hands.main([str(tmp_path)])


@pytest.mark.slow
def test_the_command_prints_a_table_and_one_json_line(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(hands, "RECIPE", SMALL)
    for part, count in (("train", 5200), ("t10k", 40)):
        images = signs(count)
        write_mnist(tmp_path, part, images.greys[:, 0].numpy(), images.labels.numpy())
    save(tiny_model(levels=4, likelihood="categorical"), tmp_path / "weights")
    flags = ["--data-dir", str(tmp_path), "--judge", str(tmp_path / "judge"), "--limit", "6"]
    hands.main([str(tmp_path / "weights"), *flags, "--batch-size", "4"])
    lines = capsys.readouterr().out.splitlines()
    result = json.loads(lines[-1])
    assert (result["digits"], result["levels"], result["others"]) == (6, 4, None)
    assert 0 <= result["judge"]["test_accuracy"] <= 1
    (condition,) = result["conditions"]
    assert condition["freehand"] is False
    assert [row["name"] for row in condition["rows"]] == [*HANDS, RANDOM]
    for row in condition["rows"]:
        assert row["flagged"] is None
        assert all(0 <= row[key] <= 1 for key in ("right", "sure_and_wrong", "completed", "whole"))
    right = sum(row["right"] for row in condition["rows"]) / len(condition["rows"])
    assert condition["pooled"]["right"] == pytest.approx(right)
    table = "\n".join(lines)
    assert "The model does not know the free-hand condition" in table
    assert "letters and scribbles are left out" in table


def test_flagged_letters_are_told_one_by_one(monkeypatch):
    """The first half of a batch is typical, the other is not."""

    def typicality(model, levels, rows):
        return (levels[:, :, :rows].sum((1, 2, 3)) % 2) / 2.0

    monkeypatch.setattr(pixelcnn, "typicality", typicality, raising=False)
    for module in (hands, tops):
        monkeypatch.setattr(module, "knows_condition", lambda model: True)
    others = hands.measure_others(
        Reader(model=tiny_model(), freehand=True, seed=0, batch_size=9), 48
    )
    assert set(others["each_letter"]) == set(LETTERS)
    assert others["letters"] == pytest.approx(sum(others["each_letter"].values()) / len(LETTERS))
    assert 0 < others["letters"] < 1
    assert 0 < others["scribbles"] < 1
