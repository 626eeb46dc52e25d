"""One's own images: read, trained on, evaluated, sampled; and a sentence for what does not fit."""

import io
import json

import numpy as np
import pytest
import torch
from PIL import Image

import pixelcnn
from pixelcnn import calibrate, evaluate
from pixelcnn.data.own import LEAST, MOST_SIDE, read_own
from pixelcnn.store.folder import TYPICALITY
from pixelcnn.training import command as train
from tests.toys import exactly

SMALL = ["--epochs", "1", "--inner_dim", "4", "--dilations", "1", "--horizontal_dilations", "1"]
SMALL += ["--horizontal-dim", "4", "--batch-size", "8", "--precision", "fp32"]


def drawings(count=40, height=6, width=5, channels=1, seed=0):
    """Dark ink on light paper, (N, C, H, W) uint8; each image's first pixel is its number."""
    greys = np.full((count, channels, height, width), 250, np.uint8)
    chance = np.random.default_rng(seed)
    greys[chance.random(greys.shape) < 0.3] = 10
    greys[:, 0, 0, 0] = 200 + np.arange(count)
    return greys


def save_pictures(folder, greys, names, mode=None, suffix=".png"):
    for k, (image, name) in enumerate(zip(greys, names, strict=True)):
        picture = Image.fromarray(image[0] if len(image) == 1 else image.transpose(1, 2, 0))
        (folder / name).mkdir(parents=True, exist_ok=True)
        (picture.convert(mode) if mode else picture).save(folder / name / f"{k:03}{suffix}")


NAMES = ["dot", "plus"] * 20
WAYS = {
    "folder": lambda path, greys: save_pictures(path, greys, NAMES),
    "folder-rgb": lambda path, greys: save_pictures(path, greys, NAMES, "RGB"),
    "folder-1": lambda path, greys: save_pictures(path, greys // 128 * 255, NAMES, "1", ".bmp"),
    "names.npz": lambda path, greys: np.savez(path, greys=greys[:, 0], symbol=np.array(NAMES)),
    "numbers.npz": lambda path, greys: np.savez(path, a=np.arange(40) % 2, b=greys),
    "floats.npz": lambda path, greys: np.savez(
        path, x=greys.transpose(0, 2, 3, 1) / 255, y=np.arange(40.0) % 2
    ),
    "tuple.pt": lambda path, greys: torch.save(
        (torch.tensor(greys[:, 0]), torch.arange(40) % 2), path
    ),
    "dict.pt": lambda path, greys: torch.save(
        {"images": torch.tensor(greys), "labels": torch.arange(40) % 2}, path
    ),
}


@pytest.mark.parametrize("way", WAYS)
def test_images_of_every_kind_are_read_alike(way, tmp_path):
    greys = drawings()
    WAYS[way](tmp_path / way, greys)
    own = read_own(tmp_path / way)
    assert own.shape == (1, 6, 5)
    assert own.name == way.partition(".")[0]
    assert own.classes == (("dot", "plus") if "folder" in way or "names" in way else ("0", "1"))
    # As MNIST has them: ink is light. A folder's come class by class.
    paper = greys // 128 * 255 if way == "folder-1" else greys
    expected = torch.tensor(255 - paper)
    if "folder" in way:
        expected = torch.cat([expected[::2], expected[1::2]])
        assert own.images.labels.tolist() == [0] * 20 + [1] * 20
    else:
        assert own.images.labels.tolist() == [0, 1] * 20
    assert own.images.greys.equal(expected)


def test_images_without_labels_are_read_and_dark_ones_stay_as_they_are(tmp_path):
    greys = 255 - drawings()
    np.savez(tmp_path / "mine.npz", greys)
    save_pictures(tmp_path / "pictures", greys, [""] * 40)
    torch.save(torch.tensor(greys), tmp_path / "mine.pt")
    for name in ("mine.npz", "pictures", "mine.pt"):
        own = read_own(tmp_path / name)
        assert own.classes == ()
        assert own.images.greys.equal(torch.tensor(greys))


def test_colours_and_ink_of_0_and_1_are_read(tmp_path):
    colours = drawings(channels=3)
    np.savez(tmp_path / "a.npz", colours.transpose(0, 2, 3, 1))
    assert read_own(tmp_path / "a.npz").images.greys.equal(torch.tensor(colours))
    ink = drawings() < 128
    for k, kind in enumerate((bool, np.uint8, np.int64, np.float32)):
        np.savez(tmp_path / f"{k}.npz", ink.astype(kind))
        assert read_own(tmp_path / f"{k}.npz").images.greys.equal(torch.tensor(255 * ink).byte())


def test_the_splits_are_all_images_once_and_always_the_same(tmp_path):
    np.savez(tmp_path / "mine.npz", drawings(count=47))
    own = read_own(tmp_path / "mine.npz")
    parts = {name: own.split(name).greys[:, 0, 0, 0] for name in ("train", "validation", "test")}
    assert [len(part) for part in parts.values()] == [39, 4, 4]
    assert (
        torch.cat([*parts.values()]).sort().values.equal(own.images.greys[:, 0, 0, 0].sort().values)
    )
    again = read_own(tmp_path / "mine.npz").split("test").greys[:, 0, 0, 0]
    assert again.equal(parts["test"])
    assert len(own.split("all")) == 47


def wrong(name, **arrays):
    def write(folder):
        np.savez(folder / name, **arrays)
        return folder / name

    return write


def two_sizes(folder):
    save_pictures(folder / "d", drawings(20), ["a"] * 20)
    Image.new("L", (7, 7)).save(folder / "d" / "a" / "zzz.png")
    return folder / "d"


def beside(folder):
    save_pictures(folder / "d", drawings(20), ["a"] * 20)
    Image.new("L", (5, 6)).save(folder / "d" / "stray.png")
    return folder / "d"


def empty_class(folder):
    save_pictures(folder / "d", drawings(20), ["a"] * 20)
    (folder / "d" / "b").mkdir()
    return folder / "d"


def large(folder):
    (folder / "d").mkdir()
    Image.new("L", (MOST_SIDE, MOST_SIDE + 1)).save(folder / "d" / "a.png")
    return folder / "d"


def torn(folder):
    (folder / "d" / "a").mkdir(parents=True)
    (folder / "d" / "a" / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    return folder / "d"


def objects(folder):
    np.savez(folder / "o.npz", np.array([{}, {}], object))
    return folder / "o.npz"


def code(folder):
    torch.save(io.StringIO, folder / "c.pt")
    return folder / "c.pt"


def nothing(folder):
    return folder / "nowhere"


def text(folder):
    (folder / "t.csv").write_text("1,2")
    return folder / "t.csv"


GREYS = drawings()
WRONG = {
    "many arrays": (wrong("a.npz", x=GREYS, y=GREYS), "it holds x (40, 1, 6, 5), y (40, 1, 6, 5)."),
    "no images": (wrong("a.npz", x=np.zeros(40)), "must hold one array of images"),
    "two labels": (
        wrong("a.npz", x=GREYS, y=np.zeros(40), z=np.zeros(40)),
        "perhaps one of labels",
    ),
    "few": (wrong("a.npz", x=GREYS[: LEAST - 1]), f"holds 19 images: {LEAST} are needed at least."),
    "two channels": (wrong("a.npz", x=np.repeat(GREYS, 2, 1)), "must have 1 or 3 channels"),
    "wide": (
        wrong("a.npz", x=np.zeros((40, 9, 65))),
        "have 65x9 pixels: 1x1 to 64x64 are allowed.",
    ),
    "scaled": (wrong("a.npz", x=GREYS / 127.5 - 1), "from 0 to 1, or from 0 to 255, got -0.9"),
    "not finite": (wrong("a.npz", x=GREYS * np.nan), "from 0 to 1, or from 0 to 255, got nan"),
    "negative labels": (wrong("a.npz", x=GREYS, y=-np.ones(40)), "whole numbers from 0 to 999"),
    "halves": (wrong("a.npz", x=GREYS, y=np.full(40, 0.5)), "whole numbers from 0 to 999"),
    "two sizes": (two_sizes, "has 7x7 pixels, and"),
    "beside": (beside, "holds pictures beside folders (stray.png)"),
    "empty class": (empty_class, "holds no pictures"),
    "large": (large, "has 64x65 pixels, and 64x64 are allowed"),
    "torn": (torn, "cannot be read as a picture"),
    "objects": (objects, "cannot be read"),
    "code": (code, "cannot be read"),
    "nothing": (nothing, "is not there"),
    "text": (text, "is no folder, .npz or .pt file"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_what_does_not_fit_is_told_in_one_sentence(kind, tmp_path):
    write, why = WRONG[kind]
    with pytest.raises((ValueError, OSError)) as refusal:
        read_own(write(tmp_path))
    sentence = str(refusal.value)
    assert why in sentence
    assert str(tmp_path) in sentence
    assert "\n" not in sentence


def fit(data, out, *flags):
    train.main(["--data", str(data), "--out", str(out), *SMALL, *flags])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("channels", "size", "labels", "flags"),
    [
        (1, (28, 28), True, ["--class-conditional", "--freehand", "0.5"]),
        (1, (9, 12), True, ["--class-conditional"]),
        (3, (6, 5), True, ["--class-conditional", "--levels", "4"]),
        (1, (12, 7), False, ["--levels", "16"]),
        (3, (5, 5), False, ["--architecture", "residual"]),
    ],
)
def test_a_model_is_trained_evaluated_and_sampled(channels, size, labels, flags, tmp_path, capsys):
    greys = drawings(40, *size, channels)
    named = {"symbol": np.array(NAMES)} if labels else {}
    data, run = tmp_path / "mine.npz", tmp_path / "run"
    np.savez(data, greys=greys, **named)
    fit(data, run, *flags)
    model = pixelcnn.load(run)
    assert (model.config.in_channels, model.config.height, model.config.width) == (channels, *size)
    assert model.num_classes == (2 if labels else 0)
    assert pixelcnn.generate(model, 2, seed=0).levels.shape == (2, channels, *size)
    capsys.readouterr()
    evaluate.main([str(run), "--data", str(data), "--split", "all", "--write"])
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (told["dataset"], told["split"], told["images"]) == ("mine", "all", 40)
    assert (told["nats_per_image_given_class"] is not None) == labels
    assert json.loads((run / "best" / "metrics.json").read_text()) == told
    calibrate.main([str(run), "--data", str(data), "--outliers", "0"])
    assert (run / "best" / TYPICALITY).is_file()


@pytest.mark.slow
def test_a_stopped_run_goes_on_with_its_own_data_and_no_other(tmp_path):
    np.savez(tmp_path / "mine.npz", drawings())
    np.savez(tmp_path / "other.npz", drawings())
    run = tmp_path / "run"
    fit(tmp_path / "mine.npz", run)
    train.main(["--resume", str(run), "--data", str(tmp_path / "mine.npz")])
    with pytest.raises(SystemExit, match="--resume goes on with dataset mine"):
        train.main(["--resume", str(run), "--data", str(tmp_path / "other.npz")])
    sentence = "mine is none of MNIST, FashionMNIST, KMNIST, EMNIST: give its path by --data."
    with pytest.raises(SystemExit, match=exactly(sentence)):
        train.main(["--resume", str(run)])
    with pytest.raises(SystemExit, match="were fitted to mine: give its path by --data"):
        evaluate.main([str(run)])


@pytest.mark.parametrize(
    ("flags", "why"),
    [
        (["--preset", "tiny"], "mine.npz has no labels: add --no-class-conditional."),
        (["--freehand", "0.5"], "are not: add --freehand 0."),
        (["--in_channels", "3"], "mine has 1 channel: in_channels must be 1, got 3."),
    ],
)
def test_flags_that_the_images_do_not_bear_are_refused(flags, why, tmp_path):
    np.savez(tmp_path / "mine.npz", drawings())
    with pytest.raises(SystemExit) as refusal:
        fit(tmp_path / "mine.npz", tmp_path / "run", *flags)
    assert str(refusal.value).endswith(why)
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_images_of_another_size_or_of_other_classes_are_not_evaluated(tmp_path):
    np.savez(tmp_path / "mine.npz", drawings(), np.arange(40) % 3)
    np.savez(tmp_path / "wide.npz", drawings(width=9))
    np.savez(tmp_path / "more.npz", drawings(), np.arange(40) % 4)
    np.savez(tmp_path / "fewer.npz", drawings(), np.arange(40) % 2)
    fit(tmp_path / "mine.npz", tmp_path / "run", "--class-conditional")
    command = [str(tmp_path / "run"), "--split", "all", "--data"]
    with pytest.raises(SystemExit, match=r"and those of wide are of 6x9 pixels and 1 channel\.$"):
        evaluate.main([*command, str(tmp_path / "wide.npz")])
    with pytest.raises(SystemExit, match=r"knows 3 classes, and more has 4: give data of the same"):
        evaluate.main([*command, str(tmp_path / "more.npz")])
    evaluate.main([*command, str(tmp_path / "fewer.npz")])
