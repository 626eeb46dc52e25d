"""Photographs of a digit, drawn by Pillow: twenty kinds of paper, light, pens and framing."""

import io
import math

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

W, H = 900, 1200
SS = 2  # drawn larger, then reduced


def _arc(x, y, rx, ry, start, end):
    steps = [math.radians(start + (end - start) * k / 30) for k in range(31)]
    return [(x + rx * math.cos(t), y + ry * math.sin(t)) for t in steps]


# Centre lines in a box of width 0.6 and height 1.
DIGITS = {
    2: [[*_arc(0.3, 0.27, 0.27, 0.27, 190, 385), (0.02, 0.99), (0.6, 0.98)]],
    3: [_arc(0.27, 0.25, 0.27, 0.25, 200, 450), _arc(0.27, 0.73, 0.31, 0.27, 270, 520)],
    4: [[(0.35, 0.0), (0.02, 0.62), (0.6, 0.6)], [(0.44, 0.3), (0.42, 1.0)]],
    5: [[(0.55, 0.02), (0.12, 0.0), (0.08, 0.43), *_arc(0.27, 0.68, 0.3, 0.3, 240, 500)]],
    7: [[(0.02, 0.03), (0.58, 0.0), (0.22, 1.0)]],
    8: [_arc(0.3, 0.25, 0.22, 0.25, 90, 450), _arc(0.3, 0.74, 0.28, 0.25, 270, 630)],
}


def _paper(chance, shade=235, size=(W, H), grain=4.0, tint=(1.0, 0.99, 0.96)):
    """Paper with grain, lighter on one side."""
    y, x = np.mgrid[: size[1], : size[0]]
    light = 1 - 0.15 * x / size[0] - 0.1 * y / size[1]
    grey = shade * light + chance.normal(0, grain, light.shape)
    return grey[..., None] * np.array(tint)


def _strokes(digit, *, height, at, width, size=(W, H), turn=0.0):
    """How much of each pixel a digit's strokes cover."""
    canvas = Image.new("L", (SS * size[0], SS * size[1]))
    pen = ImageDraw.Draw(canvas)
    c, s = math.cos(math.radians(turn)), math.sin(math.radians(turn))
    for line in DIGITS[digit]:
        moved = [((x - 0.3) * height, (y - 0.5) * height) for x, y in line]
        points = [(SS * (at[0] + c * x - s * y), SS * (at[1] + s * x + c * y)) for x, y in moved]
        pen.line(points, fill=255, width=round(SS * width), joint="curve")
        for x, y in (points[0], points[-1]):
            r = SS * width / 2
            pen.ellipse((x - r, y - r, x + r, y + r), fill=255)
    return np.asarray(canvas.resize(size, Image.Resampling.BOX), float)[..., None] / 255


def _ink(paper, cover, colour=(40, 40, 45), strength=1.0):
    light = paper / 235
    return paper * (1 - strength * cover) + strength * cover * np.array(colour) * light


def _photo(values, quality=85, blur=0.8):
    picture = Image.fromarray(values.clip(0, 255).astype(np.uint8)).filter(
        ImageFilter.GaussianBlur(blur)
    )
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=quality)
    return Image.open(file)


def _lines(
    paper, *, step=60, tilt=0.0, colour=(150, 170, 205), width=3, squared=False, margin=False
):
    canvas = Image.new("L", (SS * W, SS * H))
    pen = ImageDraw.Draw(canvas)
    t = math.tan(math.radians(tilt))
    for y in range(-W, H + W, step):
        pen.line([(0, SS * y), (SS * W, SS * (y + t * W))], fill=255, width=SS * width)
    if squared:
        for x in range(-H, W + H, step):
            pen.line([(SS * x, 0), (SS * (x - t * H), SS * H)], fill=255, width=SS * width)
    cover = np.asarray(canvas.resize((W, H), Image.Resampling.BOX), float)[..., None] / 255
    ruled = _ink(paper, cover, colour)
    if margin:
        ruled[:, 100:104] = ruled[:, 100:104] * 0.3 + 0.7 * np.array((220, 90, 100))
    return ruled


def _shadow(values, edge=30.0):
    """A hand's: two fingers and a palm, half as light."""
    canvas = Image.new("L", (W, H))
    pen = ImageDraw.Draw(canvas)
    pen.polygon([(W, 420), (420, 700), (470, 800), (W, 640)], fill=255)
    pen.polygon([(W, 560), (380, 900), (430, 1010), (W, 900), (W, H), (600, H)], fill=255)
    cover = np.asarray(canvas.filter(ImageFilter.GaussianBlur(edge)), float)[..., None] / 255
    return values * (1 - 0.5 * cover)


def _desk(values, colour=(90, 62, 40)):
    """A tilted sheet on a dark desk."""
    canvas = Image.new("L", (W, H))
    ImageDraw.Draw(canvas).polygon([(110, 90), (820, 140), (780, 1100), (60, 1060)], fill=255)
    sheet = np.asarray(canvas.filter(ImageFilter.GaussianBlur(1)), float)[..., None] / 255
    grain = np.random.default_rng(5).normal(0, 5, (H, W, 1))
    return values * sheet + (1 - sheet) * (np.array(colour) + grain)


def _clear(colour):
    cover = _strokes(3, height=300, at=(200, 200), width=30, size=(400, 400))
    alpha = (255 * cover).astype(np.uint8)
    return Image.fromarray(np.concatenate([np.full((400, 400, 3), colour, np.uint8), alpha], 2))


def photographs():
    """By kind: the picture, and its digit, or None where there is not one to read."""
    chance = np.random.default_rng(0)
    middle = {"height": 600, "at": (450, 600), "width": 22}

    def plain(**more):
        return _paper(chance, **more)

    def of(digit, **more):
        return _strokes(digit, **(middle | more))

    small = {"height": 330, "at": (460, 640), "width": 11}
    two = np.maximum(
        of(4, height=450, at=(260, 600)),
        of(2, height=450, at=(640, 600)),
    )
    return {
        "plain paper": (_photo(_ink(plain(), of(5))), 5),
        "lined paper": (_photo(_ink(_lines(plain()), of(4, **small))), 4),
        "lined paper, tilted, with a margin": (
            _photo(_ink(_lines(plain(), tilt=3, margin=True), of(2, **small))),
            2,
        ),
        "squared paper": (_photo(_ink(_lines(plain(), squared=True), of(8, **small))), 8),
        "squared paper, tilted": (
            _photo(_ink(_lines(plain(), squared=True, tilt=2.5, step=45), of(3, **small))),
            3,
        ),
        "a hand's shadow": (_photo(_shadow(_ink(plain(), of(7)))), 7),
        "a sharp shadow": (_photo(_shadow(_ink(plain(), of(2)), edge=2.0)), 2),
        "a sheet on a dark desk": (_photo(_desk(_ink(plain(), of(5, height=450)))), 5),
        "a lined sheet on a dark desk": (_photo(_desk(_ink(_lines(plain()), of(3, **small)))), 3),
        "pencil": (_photo(_ink(plain(), of(2, width=12), (110, 110, 112), 0.6)), 2),
        "blue ink": (_photo(_ink(plain(), of(8, width=14), (40, 60, 170))), 8),
        "chalkboard": (
            _photo(
                _ink(plain(shade=55, tint=(0.8, 1, 0.9)), of(3, width=28), (1000, 1000, 980), 0.8)
            ),
            3,
        ),
        "tilted": (_photo(_ink(plain(), of(5, turn=12))), 5),
        "tiny": (_photo(_ink(plain(), of(4, height=70, at=(610, 380), width=5))), 4),
        "JPEG noise": (_photo(_ink(plain(grain=12), of(2, width=18)), quality=12), 2),
        "dim light": (_photo(_ink(plain(shade=70, grain=5), of(8, width=24))), 8),
        "12 megapixels": (
            _photo(_ink(plain(), of(7, height=400))).resize((3000, 4000)),
            7,
        ),
        "white on transparent": (_clear(255), 3),
        "two digits": (_photo(_ink(plain(), two)), None),
        "no ink": (_photo(plain()), None),
    }
