"""The weights in the repository: they load, and their metrics are theirs."""

import hashlib
import json
import os
from pathlib import Path

import pytest
import torch

import pixelcnn
from pixelcnn import evaluate
from pixelcnn.data.datasets import evaluation_levels, load_images
from pixelcnn.store.folder import sha256
from pixelcnn.store.record import read_record

FOLDERS = sorted(path.parent for path in Path("weights").glob("*/config.json"))
MNIST_DIR = os.environ.get("MNIST_DIR")


def metrics(folder):
    return json.loads((folder / "metrics.json").read_text(encoding="utf-8"))


def test_there_are_weights():
    assert Path("weights/binary") in FOLDERS


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.name)
def test_each_folder_is_whole(folder):
    figures = metrics(folder)
    assert figures["ensemble"] is False
    assert figures["split"] == "test"
    assert (folder / "README.md").is_file()
    record = read_record(folder, folder)
    assert sha256(folder) in {result.sha256 for result in record.stages[-1].results}
    assert all(stage.settings["precision"] != "auto" for stage in record.trained)
    assert (record.dataset, record.binarization) == (figures["dataset"], figures["binarization"])
    assert figures["levels"] == pixelcnn.load(folder).config.levels


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.name)
def test_metrics_were_measured_on_this_very_file(folder):
    file = (folder / "model.safetensors").read_bytes()
    assert metrics(folder)["weights_sha256"] == hashlib.sha256(file).hexdigest()


needs_mnist = pytest.mark.skipif(
    MNIST_DIR is None, reason="MNIST_DIR does not name a folder that holds MNIST"
)


@pytest.mark.slow
@needs_mnist
@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.name)
def test_metrics_of_50_images_are_reproduced(folder):
    before = json.loads((folder / "metrics-50.json").read_text(encoding="utf-8"))
    args = [str(folder), "--limit", "50", "--data-dir", MNIST_DIR]
    now = evaluate.run(evaluate.parse_args(args))
    assert now == {key: pytest.approx(value, abs=1e-3) for key, value in before.items()}


@pytest.mark.slow
@needs_mnist
@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.name)
def test_metrics_are_those_of_the_weights(folder):
    """On a fixed small part of the test images; the whole takes minutes."""
    figures = metrics(folder)
    model = pixelcnn.load(folder)
    images = load_images("MNIST", Path(MNIST_DIR), "test").every(300)
    levels = evaluation_levels(images, figures["levels"], figures["binarization"], "test").long()
    label = images.labels if model.num_classes else None
    with torch.inference_mode():
        nats = -model.log_prob(levels, label).sum((1, 2, 3))
    each = "nats_per_image_given_class" if model.num_classes else "nats_per_image"
    # The part may differ from the whole by chance.
    error = float(nats.std()) / len(nats) ** 0.5
    assert float(nats.mean()) == pytest.approx(figures[each], abs=3 * error)


@pytest.mark.slow
def test_the_binary_digits_look_like_digits():
    """Five of each of the ten, drawn at random, are told apart by the model itself from the other nine."""
    model, label = pixelcnn.load("weights/binary"), torch.arange(10).repeat(5)
    samples = pixelcnn.generate(model, len(label), label=label, temperature=0.7, seed=0)
    ink = samples.levels.float().mean((1, 2, 3))
    assert ((ink > 0.02) & (ink < 0.4)).all()
    posterior = pixelcnn.digit_posterior(model, samples.levels, rows=28)
    assert posterior.argmax(1).eq(label).float().mean() >= 0.9
