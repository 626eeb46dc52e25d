"""Uploads of every kind, in a real browser: each is a picture or one sentence, and the drawing is kept."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.page_browser import ink, stroke, wait_for_completions
from tests.page_server import picture_of_a_one
from tests.picture_reader import read_pictures
from tests.test_page_parts import READ, encoded

pytestmark = pytest.mark.browser

SIZE = 28
UNREAD = "This file is not a picture that can be read: try a PNG or JPEG."
TOO_LARGE = "The picture is too large: at most 50 million pixels are taken."
BLANK = "There is no ink in this picture: choose one with a single digit."


def bar(mode="L", size=(120, 90), ink="black", paper="white"):
    """An upright bar, off the middle."""
    picture = Image.new("RGB", size, paper)
    picture.paste(ink, (20, 10, 32, 60))
    return picture.convert(mode)


def saved(picture, kind, **options):
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def png(width, height, data, *, depth=1, more=b""):
    """A PNG of greys, whatever its size says."""

    def chunk(kind, content):
        check = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + check

    head = struct.pack(">IIBBBBB", width, height, depth, 0, 0, 0, 0)
    parts = (chunk(b"IHDR", head), more and chunk(b"zTXt", more), chunk(b"IDAT", data))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts) + chunk(b"IEND", b"")


def rows(width, height):
    """Black rows, packed."""
    packer = zlib.compressobj(1)
    row = bytes(1 + (width + 7) // 8)
    return b"".join(packer.compress(row) for _ in range(height)) + packer.flush()


def sixteen_bits():
    values = np.full((90, 120), 65535, np.uint16)
    values[10:60, 20:32] = 300
    return saved(Image.fromarray(values), "PNG")


def animated(kind):
    """A bar, and after it nothing."""
    blank = Image.new("L", (120, 90), "white")
    return saved(bar(), kind, save_all=True, append_images=[blank] * 3, duration=20)


def turned():
    """Stored on its side; EXIF tells how to hold it."""
    exif = Image.Exif()
    exif[0x0112] = 6
    return saved(bar().rotate(90, expand=True), "JPEG", exif=exif, quality=100)


SVG = b"""<svg xmlns="http://www.w3.org/2000/svg" width="99" height="99"><script>window.ran = 1</script>
<image href="https://example.org/x.png"/><rect x="40" y="20" width="9" height="60"/></svg>"""

PICTURES = {
    "16 bits": (sixteen_bits, 0),
    "animated GIF": (lambda: animated("GIF"), 0),
    "animated WebP": (lambda: animated("WEBP"), 4),
    "turned by EXIF": (turned, 8),
    "CMYK": (lambda: saved(bar("CMYK"), "JPEG", quality=95), 8),
    "a palette": (lambda: saved(bar("P"), "PNG"), 0),
    "BMP": (lambda: saved(bar("RGB"), "BMP"), 0),
    "interlaced": (lambda: saved(bar(), "PNG", interlace=1), 0),
}


@pytest.mark.parametrize("kind", PICTURES)
def test_unusual_pictures_are_read(scripts, kind):
    make, apart = PICTURES[kind]
    ours = np.array(scripts(READ, encoded(make())))
    assert ours.shape == (SIZE * SIZE,), ours
    (wanted,) = read_pictures([Image.open(io.BytesIO(picture_of_a_one()))])
    assert abs(ours - np.array(wanted["ink"])).mean() <= apart


HOSTILE = {
    "200 megapixels": (lambda: png(20_000, 10_000, rows(20_000, 10_000)), TOO_LARGE),
    "a bomb": (lambda: png(65_535, 65_535, rows(65_535, 2_000)), None),
    "more than there can be": (lambda: png(2**31 - 1, 2**31 - 1, b""), None),
    "no size": (lambda: png(0, 0, b""), UNREAD),
    "a bomb in a text": (
        lambda: png(9, 9, rows(9, 9), more=b"a\0\0" + zlib.compress(bytes(9**8))),
        BLANK,
    ),
    "cut PNG": (lambda: picture_of_a_one()[:100], None),
    "cut JPEG": (lambda: picture_of_a_one(kind="JPEG")[:700], None),
    "cut head": (lambda: picture_of_a_one()[:12], UNREAD),
    "a drawing": (lambda: SVG, UNREAD),
    "a page": (lambda: b"<!doctype html><img src=x onerror=alert(1)>", UNREAD),
    "a TIFF": (lambda: saved(bar(), "TIFF"), UNREAD),
    "a PDF": (lambda: saved(bar(), "PDF"), UNREAD),
    "an archive": (lambda: b"PK\x03\x04" + bytes(999), UNREAD),
    "one column": (lambda: png(1, 60_000, rows(1, 60_000)), None),
    "one row": (lambda: png(60_000, 1, rows(60_000, 1)), None),
    "noise": (lambda: np.random.default_rng(0).bytes(9_999), UNREAD),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_files_are_a_picture_or_refused_in_a_sentence(scripts, kind):
    make, sentence = HOSTILE[kind]
    answer = scripts(READ, encoded(make()))
    assert sentence in (None, answer)
    assert isinstance(answer, list) or answer.endswith(".")


def test_too_large_pictures_are_refused_before_they_are_decoded(scripts):
    never = "window.createImageBitmap = () => { throw new Error('decoded'); };"
    for width, height in ((20_000, 10_000), (8_000, 6_251)):
        answer = scripts(never + READ, encoded(png(width, height, rows(width, height))))
        assert answer == TOO_LARGE


def test_mutants_of_pictures_are_pictures_or_refused_in_a_sentence(scripts):
    chance = np.random.default_rng(0)
    made = [make() for make, _ in PICTURES.values()]
    files = []
    for k in range(160):
        file = bytearray(made[k % len(made)])
        for _ in range(1 + k % 5):
            file[chance.integers(len(file) if k % 2 else min(len(file), 200))] = chance.integers(
                256
            )
        files.append(encoded(bytes(file)))
    body = f"""
      const read = async (given) => {{ {READ} }};
      const answers = [];
      for (const file of given) answers.push(await read(file));
      return answers.map((each) => (typeof each === "string" ? each : each.length));
    """
    answers = scripts(body, files)
    assert all(answer == SIZE * SIZE or answer.endswith(".") for answer in answers)
    assert answers.count(SIZE * SIZE) > 20
    assert answers.count(UNREAD) > 20


def test_a_refused_upload_keeps_the_drawing(visit):
    page = visit()
    wait_for_completions(page)
    stroke(page, [(8, 6), (14, 3), (19, 6), (14, 12)])
    wait_for_completions(page)
    drawn, upload = ink(page), page.locator("[name=upload]")
    for name, kind, file, sentence in (
        ("digit.svg", "image/svg+xml", SVG, UNREAD),
        ("digit.png", "image/png", HOSTILE["200 megapixels"][0](), TOO_LARGE),
        ("digit.png", "image/png", b"", UNREAD),
        ("digit.png", "image/png", png(9, 9, rows(9, 9)), BLANK),
    ):
        upload.set_input_files({"name": name, "mimeType": kind, "buffer": file})
        place = ".seen" if sentence == BLANK else ".notice"
        expect(page.locator(place)).to_contain_text(sentence)
        assert ink(page) == drawn
    assert page.evaluate("window.ran ?? null") is None
    version = page.locator(".pad").get_attribute("data-version")
    upload.set_input_files({"name": "a.gif", "mimeType": "image/gif", "buffer": animated("GIF")})
    page.wait_for_function(f"document.querySelector('.pad').dataset.version !== '{version}'")
    wait_for_completions(page)
    assert ink(page) != drawn
