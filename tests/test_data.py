import re
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from pixelcnn.data.datasets import (
    PART,
    Images,
    evaluation_levels,
    freehand_images,
    load_images,
    to_levels,
    training_batches,
)
from pixelcnn.data.pixels import binarize_stochastic, quantize
from tests.toys import write_mnist


@pytest.fixture(scope="module")
def mnist_like(tmp_path_factory):
    """5,020 training and 30 test images whose first two pixels spell out their index."""
    root = tmp_path_factory.mktemp("data")
    for part, count in (("train", 5020), ("t10k", 30)):
        images = np.zeros((count, 28, 28), np.uint8)
        images[:, 0, 0], images[:, 0, 1] = np.arange(count) // 256, np.arange(count) % 256
        write_mnist(root, part, images, np.arange(count) % 10)
    return root


def index_of(images: Images) -> torch.Tensor:
    return images.greys[:, 0, 0, 0].long() * 256 + images.greys[:, 0, 0, 1]


def test_train_and_validation_divide_the_training_images(mnist_like):
    train = load_images("MNIST", mnist_like, "train")
    validation = load_images("MNIST", mnist_like, "validation")
    assert (len(train), len(validation)) == (20, 5000)
    both = torch.cat([index_of(train), index_of(validation)])
    assert both.sort().values.tolist() == list(range(5020))
    for images in (train, validation):
        assert (images.labels == index_of(images) % 10).all()


def test_the_split_is_the_same_every_time(mnist_like):
    first, second = (load_images("MNIST", mnist_like, "train") for _ in range(2))
    assert (first.greys == second.greys).all()


def test_test_images_are_all_and_in_order(mnist_like):
    test = load_images("MNIST", mnist_like, "test")
    assert test.greys.dtype == torch.uint8
    assert test.greys.shape == (30, 1, 28, 28)
    assert index_of(test).tolist() == list(range(30))


def test_every_takes_even_steps(mnist_like):
    test = load_images("MNIST", mnist_like, "test")
    assert index_of(test.every(3)).tolist() == [0, 10, 20]
    assert len(test.every(None)) == 30
    with pytest.raises(ValueError, match=re.escape("limit must be 1 to 30 images, got 31.")):
        test.every(31)


@pytest.mark.parametrize("dataset", ["MNIST", "FashionMNIST", "KMNIST", "EMNIST"])
def test_a_failed_download_says_what_to_put_where(dataset, tmp_path, monkeypatch):
    from torchvision import datasets

    def fail(self):
        raise RuntimeError("Error downloading train-images-idx3-ubyte.gz:\n<urlopen error>")

    monkeypatch.setattr(getattr(datasets, dataset), "download", fail)
    with pytest.raises(RuntimeError) as raised:
        load_images(dataset, tmp_path, "train")
    sentence = str(raised.value)
    assert "\n" not in sentence
    assert str(tmp_path / dataset / "raw") in sentence
    assert "images-idx3-ubyte" in sentence


def test_emnist_digits_are_turned_upright(tmp_path, monkeypatch):
    from torchvision import datasets

    class Stored:
        def __init__(self, **options):
            assert options["split"] == "digits"
            self.data = torch.arange(784, dtype=torch.uint8).reshape(1, 28, 28)
            self.targets = torch.tensor([3])

    monkeypatch.setattr(datasets, "EMNIST", Stored)
    test = load_images("EMNIST", tmp_path, "test")
    assert (test.greys[0, 0] == torch.arange(784, dtype=torch.uint8).reshape(28, 28).T).all()


def test_the_split_is_the_one_that_figures_were_measured_on(monkeypatch):
    """Golden indices: with others, a model would be validated on images that it was fitted to."""
    from torchvision import datasets

    class Stored:
        data = torch.zeros(60_000, 1, 1, dtype=torch.uint8)
        targets = numbers = torch.arange(60_000)

        def __init__(self, **options):
            pass

    monkeypatch.setattr(datasets, "MNIST", Stored)
    train, validation = (
        load_images("MNIST", Path(), split).labels for split in ("train", "validation")
    )
    assert (len(train), len(validation)) == (55_000, 5_000)
    assert train[:4].tolist() == [36044, 10678, 57327, 55074]
    assert validation[:4].tolist() == [30102, 43764, 35133, 50409]
    assert torch.cat([train, validation]).sort().values.equal(Stored.numbers)


@pytest.mark.parametrize(("levels", "binarization"), [(2, "none"), (4, "threshold")])
def test_binarization_must_fit_the_levels(levels, binarization):
    with pytest.raises(ValueError, match=f"{levels} levels go with binarization"):
        to_levels(torch.zeros(1, 1, 2, 2, dtype=torch.uint8), levels, binarization, None)


def random_images(count: int = 50) -> Images:
    generator = torch.Generator().manual_seed(0)
    greys = torch.randint(256, (count, 1, 6, 6), generator=generator, dtype=torch.uint8)
    return Images(greys, torch.arange(count))


def test_a_stochastic_evaluation_split_is_drawn_once():
    images = random_images()
    first, again = (evaluation_levels(images, 2, "stochastic", "test") for _ in range(2))
    other = evaluation_levels(images, 2, "stochastic", "validation")
    assert (first == again).all()
    assert (first != other).any()


def batches(**changes):
    options = {"levels": 2, "binarization": "threshold", "batch_size": 16}
    options |= {"shift": 0, "freehand": 0, "seed": 0, "epoch": 1} | changes
    return list(training_batches(random_images(), **options))


def test_an_epoch_has_every_image_once_in_its_own_order():
    labels = torch.cat([label for _, label, _ in batches()])
    assert [len(label) for _, label, _ in batches()] == [16, 16, 16, 2]
    assert labels.sort().values.tolist() == list(range(50))
    assert labels.tolist() != torch.cat([label for _, label, _ in batches(epoch=2)]).tolist()
    assert labels.tolist() != torch.cat([label for _, label, _ in batches(seed=1)]).tolist()


@pytest.mark.parametrize("binarization", ["threshold", "stochastic"])
def test_an_epoch_can_go_on_in_the_middle(binarization):
    whole = batches(binarization=binarization, shift=2)
    rest = batches(binarization=binarization, shift=2, start=2)
    for (levels, label, _), (levels_again, label_again, _) in zip(whole[2:], rest, strict=True):
        assert (levels == levels_again).all()
        assert (label == label_again).all()


def test_stochastic_training_images_are_drawn_anew_every_epoch():
    def by_label(epoch):
        parts = batches(binarization="stochastic", epoch=epoch)
        levels, labels, _ = (torch.cat(column) for column in zip(*parts, strict=True))
        return levels[labels.argsort()]

    assert (by_label(1) != by_label(2)).any()


def test_shift_moves_images_and_fills_with_nothing():
    images = random_images()
    still = to_levels(images.greys, 2, "threshold", None)
    seen = set()
    for levels, labels, _ in batches(shift=1):
        for moved, label in zip(levels, labels, strict=True):
            padded = torch.nn.functional.pad(still[label], (1, 1, 1, 1))
            places = [(r, c) for r in range(3) for c in range(3)]
            fits = [
                p for p in places if (padded[:, p[0] : p[0] + 6, p[1] : p[1] + 6] == moved).all()
            ]
            assert len(fits) == 1
            seen.update(fits)
    assert len(seen) == 9


def digits(count):
    """Images of a kind of digit: a bar with a flag of one of eight lengths, on 28x28 pixels."""
    greys = torch.zeros(count, 1, 28, 28, dtype=torch.uint8)
    greys[:, :, 4:24, 13:16] = 255
    for k in range(count):
        greys[k, :, 4:7, 16 : 18 + k % 8] = 255
    return Images(greys, torch.arange(count)).traced()


def freehand_batches(epoch, start=0, share=0.5):
    options = {"levels": 2, "binarization": "threshold", "batch_size": 8, "shift": 0, "seed": 0}
    options |= {"freehand": share, "epoch": epoch, "start": start}
    return list(training_batches(digits(20), **options))


def test_a_share_of_each_batch_is_drawn_free_hand_and_the_others_stay_as_they_are():
    still = quantize(digits(20).greys, 2)
    batches = freehand_batches(epoch=1)
    assert [freehand.sum() for _, _, freehand in batches] == [4, 4, 2]
    for levels, labels, freehand in batches:
        changed = (levels != still[labels]).flatten(1).any(1)
        assert changed.equal(freehand)
        assert levels.flatten(1).any(1).all()  # drawn, not wiped out
    labels = torch.cat([labels for _, labels, _ in batches])
    assert labels.sort().values.tolist() == list(range(20))


def test_free_hand_digits_are_drawn_anew_every_epoch_and_follow_from_the_batch_s_number():
    def drawn(batches):
        levels, labels, _ = (torch.cat(column) for column in zip(*batches, strict=True))
        return levels[labels.argsort()]

    first = drawn(freehand_batches(epoch=1, share=1))
    assert first.equal(drawn(freehand_batches(epoch=1, share=1)))
    assert (first != drawn(freehand_batches(epoch=2, share=1))).flatten(1).any(1).all()
    whole, rest = freehand_batches(epoch=1), freehand_batches(epoch=1, start=1)
    for one, other in zip(whole[1:], rest, strict=True):
        assert all(a.equal(b) for a, b in zip(one, other, strict=True))


def test_the_free_hand_evaluation_split_is_drawn_once():
    images = digits(12)
    first, again = (freehand_images(images, "test") for _ in range(2))
    other = freehand_images(images, "validation")
    assert first.labels.equal(images.labels)
    assert first.greys.equal(again.greys)
    for drawn in (images, other):
        assert (first.greys != drawn.greys).flatten(1).any(1).all()


@pytest.mark.parametrize("binarization", ["threshold", "stochastic"])
def test_levels_are_made_in_little_memory_and_as_if_at_once(binarization):
    """An epoch made int64 levels of all images at once: 345 MB for MNIST, and twice at that."""
    images = random_images(2_500)
    generator = torch.Generator().manual_seed(0)
    with LargestTensor() as largest:
        levels = to_levels(images.greys, 2, binarization, generator)
    assert levels.dtype == torch.uint8
    assert largest.bytes <= 8 * PART * 36
    whole = (
        quantize(images.greys, 2)
        if binarization == "threshold"
        else binarize_stochastic(images.greys, torch.Generator().manual_seed(0))
    )
    assert levels.equal(whole.to(torch.uint8))


class LargestTensor(TorchDispatchMode):
    """Notes the size of the largest tensor that an operation makes."""

    bytes = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        for tensor in torch.utils._pytree.tree_leaves(result):
            if isinstance(tensor, torch.Tensor) and tensor._base is None:
                self.bytes = max(self.bytes, tensor.nbytes)
        return result
