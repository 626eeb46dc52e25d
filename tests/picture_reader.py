"""Pictures read by the page's own reader, in Node."""

import json
import shutil
import struct
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from PIL import Image

SCRIPT = Path(__file__).with_name("picture_reader.mjs")
WORKING_SIZE = 640  # as in web/js/picture.js
NODE = shutil.which("node")


def read_pictures(pictures: Iterable[Image.Image]) -> list[dict[str, Any]]:
    """Read pictures: of each the ink (784 values 0 to 255), the digit's box and the trouble."""
    assert NODE
    parts = []
    for picture in pictures:
        small = picture.convert("RGBA")
        small.thumbnail((WORKING_SIZE, WORKING_SIZE))
        parts += [struct.pack("<ii", small.height, small.width), small.tobytes()]
    output = subprocess.run([NODE, SCRIPT], input=b"".join(parts), capture_output=True, check=True)
    return [json.loads(line) for line in output.stdout.splitlines()]
