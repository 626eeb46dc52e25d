"""What the page's scripts compute, beside what Python computes."""

import base64
import io

import numpy as np
import pytest
import torch
from PIL import Image

import pixelcnn
from pixelcnn.config import ModelConfig
from pixelcnn.density.receptive_field import receptive_field
from tests.page_server import ROOT, picture_of_a_one, static_url, tiny_models
from tests.picture_reader import read_pictures

pytestmark = pytest.mark.browser

SIZE = 28


def encoded(data):
    return base64.b64encode(data).decode()


READ = """
  const { openPicture, pixelsOf } = await load("js/picture.js");
  const { readDigit } = await load("js/photo/read.js");
  const bytes = Uint8Array.from(atob(given), (c) => c.charCodeAt(0));
  try {
    const bitmap = await openPicture(new Blob([bytes]));
    const all = { left: 0, top: 0, width: bitmap.width, height: bitmap.height };
    const { ink, trouble } = readDigit(pixelsOf(bitmap, all), { height: 28, width: 28 });
    return trouble ?? [...ink];
  } catch (error) {
    return error.message;
  }
"""


def transparent_bar():
    picture = Image.new("RGBA", (40, 40))
    picture.paste("black", (18, 4, 22, 36))
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def slanted_line():
    """Shades of grey, as of a photo: light from one side, and a blurred stroke."""
    y, x = np.mgrid[:200, :150]
    paper = 180 + 40 * x / 150
    stroke = 150 * np.exp(-(((x - 40 - y / 3) / 9) ** 2)) * ((y > 30) & (y < 170))
    file = io.BytesIO()
    Image.fromarray((paper - stroke).astype(np.uint8)).save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize(
    ("data", "apart"),
    [
        (picture_of_a_one(), 0),
        (picture_of_a_one("white", "black"), 0),
        (transparent_bar(), 0),
        (slanted_line(), 1),
        (picture_of_a_one("white", "black", "JPEG"), 40),  # two decoders
    ],
)
def test_the_browser_reads_a_picture_as_node_does(scripts, data, apart):
    ours = np.array(scripts(READ, encoded(data)))
    (theirs,) = read_pictures([Image.open(io.BytesIO(data))])
    assert theirs["trouble"] is None
    assert abs(ours - np.array(theirs["ink"])).max() <= apart
    assert ours.max() > 200


def blank_png(width, height):
    file = io.BytesIO()
    Image.new("1", (width, height)).save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"a text named .png", "not a picture"),
        (b"", "not a picture"),
        (b"\0" * 12_000_001, "larger than 12 MB"),
        (blank_png(9_000, 8_000), "at most 50 million pixels"),
        (blank_png(9, 9), "no ink"),
    ],
)
def test_what_is_no_picture_of_a_digit_is_refused_in_a_sentence(scripts, data, sentence):
    answer = scripts(READ, encoded(data))
    assert sentence in answer
    assert answer.endswith(".")


def field_of(scripts, config):
    body = """
      const { receptiveField } = await load("js/field.js");
      const { readConfig } = await load("engine/tensors.js");
      return [...receptiveField(readConfig(given))];
    """
    return np.array(scripts(body, config.to_dict())).reshape(config.height, 2 * config.width - 1)


SMALL = {"inner_dim": 4, "horizontal_dim": 4, "height": 9, "width": 8}
CONFIGS = [
    *(ModelConfig.load(ROOT / "weights" / name / "config.json") for name in ("binary", "residual")),
    ModelConfig(dilations=(1,), horizontal_dilations=(1,), **SMALL),
    ModelConfig(dilations=(2, 1), horizontal_dilations=(3, 1), **SMALL),
    ModelConfig(architecture="residual", dilations=(1, 2), **SMALL),
]


@pytest.mark.parametrize("config", CONFIGS)
def test_the_field_is_the_one_that_python_measures(scripts, config):
    torch.manual_seed(0)
    model = pixelcnn.PixelCNN(config).eval()
    assert (field_of(scripts, config) == np.array(receptive_field(model))).all()


def test_the_animation_ends_with_the_digit_and_starts_with_what_was_given(scripts):
    torch.manual_seed(0)
    levels = torch.randint(4, (SIZE, SIZE))
    levels[20] = 0
    body = """
      const { animate } = await load("js/animation.js");
      const info = { height: 28, width: 28, levels: 4 };
      const file = animate({ levels: Uint8Array.from(given), rows: 14 }, info);
      return btoa(Array.from(file, (byte) => String.fromCharCode(byte)).join(""));
    """
    file = base64.b64decode(scripts(body, levels.flatten().tolist()))
    assert len(file) < 1_000_000
    with Image.open(io.BytesIO(file)) as picture:
        assert picture.n_frames == 1 + int((levels[14:] > 0).sum())
        assert picture.info["duration"] == 20
        first = np.array(picture.convert("L"))
        durations = []
        for frame in range(picture.n_frames):
            picture.seek(frame)
            durations.append(picture.info["duration"])
        last = np.array(picture.convert("L"))
    # A frame for the picture that is given and for each pixel drawn; the whole digit is held.
    assert sum(durations) == 20 * (1 + SIZE * SIZE // 2) + 2500
    assert (first[14 * 8 :] == 255).all()
    assert (first[4 : 14 * 8 : 8, 4::8] < 255).tolist() == (levels[:14] > 0).tolist()
    assert (last[4::8, 4::8] < 255).tolist() == (levels > 0).tolist()


@pytest.mark.parametrize("size", [28, 16])
def test_presets_are_five_and_have_ink_above_and_below_the_middle(scripts, size):
    body = """
      const { makePresets } = await load("js/presets.js");
      return makePresets({ height: given, width: given }).map((ink) => [...ink]);
    """
    presets = np.array(scripts(body, size)).reshape(-1, size, size)
    assert len(presets) == 5
    for each in presets:
        rows, columns = np.nonzero(each > 127)
        assert rows.min() >= 0.1 * size
        assert rows.max() < 0.9 * size
        assert columns.min() >= 0.1 * size
        assert (rows < size // 2).sum() > size // 2
        assert (rows >= size // 2).sum() > size // 4


def test_packed_levels_are_unpacked_again(scripts):
    body = """
      const { pack, unpack } = await load("js/link.js");
      const info = { height: 3, width: 5, levels: given };
      const levels = Uint8Array.from({ length: 15 }, (_, k) => k % given);
      const text = pack(levels, given);
      return [/^[\\w-]*$/.test(text), String(unpack(text, info)) === String(levels),
        unpack("%%", info), [...unpack("", info)].every((level) => level === 0)];
    """
    for count in (2, 3, 16, 256):
        assert scripts(body, count) == [True, True, None, True]


def test_a_seed_draws_the_digits_that_python_draws(scripts, tab):
    tab.goto(f"{static_url()}/web/?view=sample&count=3&seed=5&label=7")
    tab.wait_for_selector(".samples[data-seed]")
    tab.wait_for_timeout(500)  # until they have grown in
    shown = tab.locator(".samples canvas").evaluate_all(
        """all => all.map((canvas) => [...canvas.getContext("2d").getImageData(0, 0, 28, 28).data]
             .filter((_, k) => k % 4 === 3).map((alpha) => alpha > 0 ? 1 : 0))"""
    )
    drawn = pixelcnn.generate(tiny_models()["binary"], 3, label=7, seed=5)
    assert shown == drawn.levels.flatten(1).tolist()


def test_gradio_takes_the_page_for_no_template():
    assert "${" not in (ROOT / "web/index.html").read_text().partition("<body>")[2]
