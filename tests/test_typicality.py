"""How usual a drawing is: quantiles of likelihoods, their file, and the command that measures them."""

import copy
import json
import math

import pytest
import torch

import pixelcnn
from pixelcnn import calibrate
from pixelcnn.density.outliers import mean_embeddings, outlier_log_prob
from pixelcnn.density.reference import SHARES, Reference
from pixelcnn.density.typicality import measure_reference, nats_by_rows, surprise_by_rows
from pixelcnn.store.folder import TYPICALITY, load_folder, read_reference, save, sha256
from tests.toys import exactly, random_levels, toy_config, wild_model, write_mnist

FIELDS = {"height": 6, "width": 5}


def toy(**fields):
    config = toy_config(
        "gated", "bernoulli", **({"num_classes": 3, "freehand": True} | FIELDS | fields)
    )
    return copy.deepcopy(wild_model(config, dtype=torch.float32))


@pytest.mark.parametrize("num_classes", [0, 3])
def test_nats_of_every_number_of_rows_are_those_of_the_rows_alone(num_classes):
    model = toy(num_classes=num_classes)
    levels = random_levels(model.config, 4)
    nats = nats_by_rows(model, levels, freehand=True)
    assert nats.shape == (4, 7)
    assert (nats[:, 0] == 0).all()
    for rows in range(1, 7):
        alone = -model.log_prob(levels[:, :, :rows], freehand=True).sum((1, 2, 3))
        torch.testing.assert_close(nats[:, rows].float(), alone, rtol=1e-4, atol=1e-4)


def test_typicality_is_the_share_of_drawings_that_are_as_improbable():
    known = torch.arange(1001.0).repeat(3, 1)  # nats 0 to 1000 of 1,001 drawings
    quantiles = known.quantile(torch.tensor(SHARES), dim=1).T
    reference = Reference(quantiles, True, 1001)
    nats = torch.tensor([-5.0, 0.0, 250.0, 500.0, 990.0, 999.0, 1000.0, 5000.0])
    shares = reference.typicality(nats, 2)
    right = torch.tensor([1.0, 1.0, 0.75, 0.5, 0.01, 0.001, 0.0, 0.0])
    torch.testing.assert_close(shares, right, atol=1e-5, rtol=0)


def test_equal_nats_of_many_drawings_are_usual():
    """Blank rows have the same nats in all drawings: quantiles that coincide."""
    reference = Reference(torch.full((2, len(SHARES)), 0.25), True, 10)
    assert reference.typicality(torch.tensor([0.25]), 1).item() < 1
    assert reference.typicality(torch.tensor([0.2]), 1).item() == 1
    assert reference.typicality(torch.tensor([0.3]), 1).item() == 0


def test_drawings_are_asked_in_peoples_hand_with_the_reference_of_the_rows():
    model = toy()
    drawings = random_levels(model.config, 60)
    model.reference = measure_reference(model, drawings.split(25))
    assert model.reference.freehand
    for rows in (1, 3, 6):
        typical = pixelcnn.typicality(model, drawings, rows=rows)
        assert typical.shape == (60,)
        order = nats_by_rows(model, drawings, freehand=True)[:, rows].argsort()
        assert (typical[order].diff() <= 1e-6).all()  # the less probable, the less usual
        # As many are below a share as it says, to the few drawings that lie between two quantiles.
        for share in (0.2, 0.5, 0.8):
            assert (typical < share).float().mean().item() == pytest.approx(share, abs=0.05)
    assert pixelcnn.typicality(model, drawings, rows=0).tolist() == [1] * 60
    below = drawings.clone()
    below[:, :, 3:] = 0
    assert torch.equal(
        pixelcnn.typicality(model, drawings, rows=3), pixelcnn.typicality(model, below, rows=3)
    )


def test_surprise_is_what_is_left_of_the_nats_of_what_is_no_digit():
    model = toy()
    outliers = mean_embeddings(model)
    levels = random_levels(model.config, 4)
    plain = nats_by_rows(model, levels, freehand=True)
    assert surprise_by_rows(model, levels, freehand=True, outliers={}).equal(plain)
    surprise = surprise_by_rows(model, levels, freehand=True, outliers=outliers)
    assert (surprise[:, 0] == 0).all()
    for rows in range(1, 7):
        other = -outlier_log_prob(model, levels[:, :, :rows], outliers).sum((1, 2, 3))
        wanted = plain[:, rows].float() - other
        torch.testing.assert_close(surprise[:, rows].float(), wanted, rtol=1e-4, atol=1e-4)
    model.reference = measure_reference(model, [random_levels(model.config, 60)], outliers=outliers)
    order = surprise[:, 3].argsort()
    assert (pixelcnn.typicality(model, levels, rows=3)[order].diff() <= 1e-6).all()


def test_what_cannot_be_asked_is_said_in_one_sentence():
    model = toy()
    levels = random_levels(model.config, 1)
    sentence = (
        "This model does not know what is usual: run python -m pixelcnn.calibrate on its folder."
    )
    with pytest.raises(ValueError, match=exactly(sentence)):
        pixelcnn.typicality(model, levels, rows=3)
    model.reference = measure_reference(model, [levels])
    with pytest.raises(
        ValueError, match=exactly("rows must be a whole number from 0 to 6, got 7.")
    ):
        pixelcnn.typicality(model, levels, rows=7)


def test_the_file_is_read_with_the_weights_that_it_was_measured_on(tmp_path):
    model = toy()
    save(model, tmp_path)
    assert load_folder(tmp_path).reference is None
    measured = measure_reference(
        model,
        [random_levels(model.config, 20)],
        outliers=mean_embeddings(model),
        weights_sha256=sha256(tmp_path),
    )
    measured.save(tmp_path / TYPICALITY)
    read = load_folder(tmp_path).reference
    torch.testing.assert_close(read.nats, measured.nats, atol=1e-4, rtol=0)
    assert read.outliers.keys() == measured.outliers.keys() != set()
    assert all(row.equal(measured.outliers[name]) for name, row in read.outliers.items())
    assert (read.freehand, read.images) == (True, 20)
    with torch.no_grad():
        next(model.parameters()).add_(1)
    kept = (tmp_path / TYPICALITY).read_text()
    save(model, tmp_path)
    assert not (tmp_path / TYPICALITY).exists()  # of other weights
    (tmp_path / TYPICALITY).write_text(kept)
    with pytest.raises(ValueError, match="is of other weights: delete it, or measure it again"):
        read_reference(tmp_path, load_folder(tmp_path, reference=False))


def test_a_file_from_before_there_were_outliers_is_read(tmp_path):
    model = toy()
    save(model, tmp_path)
    levels = random_levels(model.config, 20)
    measure_reference(model, [levels], weights_sha256=sha256(tmp_path)).save(tmp_path / TYPICALITY)
    values = json.loads((tmp_path / TYPICALITY).read_text())
    del values["outliers"]
    (tmp_path / TYPICALITY).write_text(json.dumps(values))
    assert load_folder(tmp_path).reference.outliers == {}
    assert pixelcnn.typicality(load_folder(tmp_path), levels, rows=3).shape == (20,)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda rows: rows | {"more": [1.0]}, "is of other weights"),
        (lambda rows: dict(list(rows.items())[1:]), "is of other weights"),
        (lambda rows: {name: row[1:] for name, row in rows.items()}, "is of other weights"),
        (lambda rows: {name: [row] for name, row in rows.items()}, "is of other weights"),
        (lambda rows: dict.fromkeys(rows, "many"), "is damaged"),
        (lambda rows: {name: [1e999, *row[1:]] for name, row in rows.items()}, "is damaged"),
        (lambda rows: 7, "is damaged"),
    ],
)
def test_outliers_of_another_model_are_refused(tmp_path, change, why):
    model = toy()
    save(model, tmp_path)
    measure_reference(
        model,
        [random_levels(model.config, 20)],
        outliers=mean_embeddings(model),
        weights_sha256=sha256(tmp_path),
    ).save(tmp_path / TYPICALITY)
    values = json.loads((tmp_path / TYPICALITY).read_text())
    values["outliers"] = change(values["outliers"])
    (tmp_path / TYPICALITY).write_text(json.dumps(values))
    sentence = f"{tmp_path / TYPICALITY} {why}: delete it, or measure it again."
    with pytest.raises(ValueError, match=exactly(sentence)):
        read_reference(tmp_path, load_folder(tmp_path, reference=False))


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"nats": [[1]], "shares": [0]}', "\x00"])
def test_a_damaged_file_is_named(content, tmp_path):
    path = tmp_path / TYPICALITY
    path.write_text(content)
    with pytest.raises(
        ValueError, match=exactly(f"{path} is damaged: delete it, or measure it again.")
    ):
        Reference.load(path)


def test_the_command_measures_validation_images(tmp_path, capsys):
    generator = torch.Generator().manual_seed(0)
    greys = torch.zeros(5_060, 28, 28, dtype=torch.uint8)
    greys[:, 8:20, 13:15] = torch.randint(128, 256, (5_060, 12, 2), generator=generator).byte()
    write_mnist(tmp_path, "train", greys.numpy(), (torch.arange(5_060) % 10).numpy())
    write_mnist(tmp_path, "t10k", greys[:10].numpy(), torch.arange(10).numpy())
    model = toy(num_classes=10, height=28, width=28)
    save(model, tmp_path / "model")
    flags = ["--data-dir", str(tmp_path), "--limit", "40", "--precision", "fp32"]
    flags += ["--outliers", "60"]
    calibrate.main([str(tmp_path / "model"), *flags])
    assert "28 rows: one drawing in 100 exceeds" in capsys.readouterr().out
    reference = load_folder(tmp_path / "model").reference
    assert (reference.images, reference.freehand) == (40, True)
    assert reference.nats.shape == (29, len(SHARES))
    assert math.isclose(reference.nats[0].abs().max(), 0)
    with pytest.raises(SystemExit, match=exactly("limit must be 1 to 5000 images, got 0.")):
        calibrate.main([str(tmp_path / "model"), *flags, "--limit", "0"])
    kept = load_folder(tmp_path / "model").reference
    assert kept.nats.equal(reference.nats)  # a wrong flag loses nothing
    with pytest.raises(
        SystemExit, match=exactly("outliers must be a whole number from 0 to 1000000, got -1.")
    ):
        calibrate.main([str(tmp_path / "model"), *flags, "--outliers", "-1"])
    calibrate.main([str(tmp_path / "model"), *flags, "--outliers", "0"])
    plain = load_folder(tmp_path / "model").reference
    assert plain.outliers == {} != reference.outliers
    assert not plain.nats.equal(reference.nats)
    Reference(kept.nats, True, 40, "of other weights").save(tmp_path / "model" / TYPICALITY)
    calibrate.main([str(tmp_path / "model"), *flags])
    assert load_folder(tmp_path / "model").reference.nats.equal(reference.nats)
