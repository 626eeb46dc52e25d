import gzip
import http.client
import re
import tracemalloc
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from pixelcnn.data import datasets
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


def test_emnist_digits_are_turned_upright(tmp_path):
    stored = (np.arange(784) % 256).reshape(1, 28, 28)
    write_mnist(tmp_path, "emnist-digits-test", stored, np.array([3]), dataset="EMNIST")
    test = load_images("EMNIST", tmp_path, "test")
    assert (test.greys[0, 0].numpy() == stored[0].T).all()
    assert test.labels.tolist() == [3]


def test_the_split_is_the_one_that_figures_were_measured_on(monkeypatch):
    """Golden indices: with others, a model would be validated on images that it was fitted to."""
    numbers = torch.arange(60_000)
    stored = torch.zeros(60_000, 1, 1, 1, dtype=torch.uint8), numbers
    monkeypatch.setattr(datasets, "_read", lambda *dataset, train: stored)
    train, validation = (
        load_images("MNIST", Path(), split).labels for split in ("train", "validation")
    )
    assert (len(train), len(validation)) == (55_000, 5_000)
    assert train[:4].tolist() == [36044, 10678, 57327, 55074]
    assert validation[:4].tolist() == [30102, 43764, 35133, 50409]
    assert torch.cat([train, validation]).sort().values.equal(numbers)


RAW = ("images-idx3-ubyte", "labels-idx1-ubyte")


@pytest.fixture
def offline(monkeypatch):
    """A download is a mistake."""
    monkeypatch.setattr("torchvision.datasets.MNIST.download", lambda self: pytest.fail("asked"))


def snapshot(root):
    """All that lies in a folder: contents, or where a link leads."""
    paths = [path for path in root.rglob("*") if path.is_symlink() or path.is_file()]
    return {path: path.readlink() if path.is_symlink() else path.read_bytes() for path in paths}


def small_mnist(root, count=5_010):
    for part in ("train", "t10k"):
        write_mnist(root, part, np.zeros((count, 28, 28), np.uint8), np.arange(count) % 10)
    return root / "MNIST" / "raw"


def with_head(data, *numbers):
    head = np.array(numbers, ">i4").tobytes()
    return head + data[len(head) :]


DAMAGES = {
    "empty": lambda data: b"",
    "cut in its head": lambda data: data[:6],
    "cut": lambda data: data[:-1],
    "longer": lambda data: data + b"\0",
    "a page of a login": lambda data: b"<!doctype html>" + data[15:],
    "packed, but not called so": gzip.compress,
    "another kind": lambda data: b"\0\0\x0b" + data[3:],
    "none": lambda data: data[:4] + bytes(4) + data[8:],
    "more than there are": lambda data: data[:4] + b"\x00\x0f\x00\x00" + data[8:],
    "more than memory": lambda data: data[:4] + b"\x7f\xff\xff\xff" + data[8:],
}


@pytest.mark.parametrize("kind", RAW)
@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("packed", [False, True])
def test_a_damaged_file_is_named_in_a_sentence_and_left_alone(
    damage, kind, packed, tmp_path, offline
):
    raw = small_mnist(tmp_path, count=20)
    path = raw / f"t10k-{kind}"
    data = DAMAGES[damage](path.read_bytes())
    if packed:
        path.unlink()
        path = raw / f"t10k-{kind}.gz"
        data = gzip.compress(data)
    path.write_bytes(data)
    before = snapshot(tmp_path)
    with pytest.raises(ValueError, match=r"^[^\n]+\.$") as raised:
        load_images("MNIST", tmp_path, "test")
    assert str(raised.value).startswith(f"{path} ")
    assert snapshot(tmp_path) == before


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[: len(data) // 2],
        lambda data: data[:40] + b"\xff" * 20 + data[60:],
        lambda data: data[:-8] + bytes(8),  # the sum that is to be checked
        lambda data: b"no gzip" + data,
        lambda data: b"",
    ],
)
def test_a_damaged_archive_is_named_in_a_sentence_and_left_alone(damage, tmp_path, offline):
    raw = small_mnist(tmp_path, count=20)
    plain = raw / "t10k-images-idx3-ubyte"
    archive = raw / "t10k-images-idx3-ubyte.gz"
    archive.write_bytes(damage(gzip.compress(np.random.default_rng(0).bytes(20 * 784 + 16))))
    plain.unlink()
    before = snapshot(tmp_path)
    with pytest.raises(ValueError, match=r"^[^\n]+\.$") as raised:
        load_images("MNIST", tmp_path, "test")
    assert str(archive) in str(raised.value)
    assert snapshot(tmp_path) == before


def test_archives_are_read_as_they_are(tmp_path, offline):
    raw = small_mnist(tmp_path)
    plain = load_images("MNIST", tmp_path, "train")
    for path in list(raw.iterdir()):
        path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    before = snapshot(tmp_path)
    packed = load_images("MNIST", tmp_path, "train")
    assert packed.greys.equal(plain.greys)
    assert packed.labels.equal(plain.labels)
    assert snapshot(tmp_path) == before


def test_an_archive_that_unpacks_to_more_than_it_says_takes_no_memory(tmp_path, offline):
    raw = small_mnist(tmp_path, count=20)
    bomb = with_head(bytes(64 << 20), 0x0803, 20, 28, 28)
    (raw / "t10k-images-idx3-ubyte").unlink()
    (raw / "t10k-images-idx3-ubyte.gz").write_bytes(gzip.compress(bomb))
    with traced_memory() as peak, pytest.raises(ValueError, match="has more bytes"):
        load_images("MNIST", tmp_path, "test")
    assert peak() < 8 << 20


@contextmanager
def traced_memory():
    tracemalloc.start()
    try:
        yield lambda: tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_folder_or_a_dead_link_in_a_file_s_place_is_named(tmp_path, offline):
    raw = small_mnist(tmp_path, count=20)
    path = raw / "t10k-labels-idx1-ubyte"
    path.unlink()
    path.symlink_to(tmp_path / "gone")
    with pytest.raises(ValueError, match=re.escape(f"{path} cannot be read")):
        load_images("MNIST", tmp_path, "test")
    path.unlink()
    path.mkdir()
    with pytest.raises(ValueError, match=re.escape(f"{path} cannot be read")):
        load_images("MNIST", tmp_path, "test")


def test_files_that_do_not_belong_together_are_named(tmp_path, offline):
    raw = small_mnist(tmp_path, count=20)
    images, labels = (raw / f"t10k-{kind}" for kind in RAW)
    data = labels.read_bytes()
    labels.write_bytes(with_head(data, 0x0801, 19)[:-1])
    with pytest.raises(ValueError, match=f"{images} holds 20 images and {labels} 19 labels"):
        load_images("MNIST", tmp_path, "test")
    labels.write_bytes(data[:-1] + b"\x0a")
    with pytest.raises(ValueError, match=f"{labels} holds the label 10, and there are 10"):
        load_images("MNIST", tmp_path, "test")
    with pytest.raises(ValueError, match=r"has 20 images to train on: 5000 are for validation"):
        load_images("MNIST", tmp_path, "train")


def test_a_download_leaves_what_is_there_and_brings_what_is_not(tmp_path, monkeypatch):
    raw = small_mnist(tmp_path, count=20)
    (raw / "t10k-images-idx3-ubyte").write_bytes(b"damaged")
    (raw / "t10k-labels-idx1-ubyte").unlink()
    before = snapshot(tmp_path)

    def download(self):
        small_mnist(Path(self.root), count=30)

    monkeypatch.setattr("torchvision.datasets.MNIST.download", download)
    with pytest.raises(ValueError, match=r"t10k-images-idx3-ubyte is no file of this dataset"):
        load_images("MNIST", tmp_path, "test")
    after = snapshot(tmp_path)
    assert after.pop(raw / "t10k-labels-idx1-ubyte")[:8] == bytes([0, 0, 8, 1, 0, 0, 0, 30])
    assert after == before


def test_a_download_that_breaks_off_leaves_nothing(tmp_path, monkeypatch):
    def download(self):
        raw = Path(self.root) / "MNIST" / "raw"
        raw.mkdir(parents=True)
        (raw / "train-images-idx3-ubyte").write_bytes(b"half")
        raise http.client.IncompleteRead(b"")

    monkeypatch.setattr("torchvision.datasets.MNIST.download", download)
    with pytest.raises(RuntimeError, match=r"^MNIST could not be downloaded [^\n]+\.$"):
        load_images("MNIST", tmp_path, "train")
    assert list(tmp_path.iterdir()) == []


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
