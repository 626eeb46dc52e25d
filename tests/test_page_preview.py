"""What a link to the page shows where it is pasted: title, description and picture, in every flavour."""

import io
import re
import urllib.request

import pytest
from PIL import Image

from pixelcnn.space import main
from tests.page_server import ROOT, SPACE, server_url

SIZE = (1200, 630)
SENTENCE = "Draw the top of a digit; a PixelCNN in your browser completes it live."


def tags(page):
    """The tags of previews: all contents by name."""
    found = {}
    for name, content in re.findall(
        r'<meta\s+(?:property|name)="([^"]+)"\s+content="([^"]*)"', page
    ):
        found.setdefault(name, []).append(content)
    return {name: contents for name, contents in found.items() if name[:3] in ("og:", "twi", "des")}


def assert_ours(page):
    found = tags(page)
    assert found["og:title"] == ["PixelCNN draws digits"]
    assert found["description"] == found["og:description"] == [SENTENCE]
    assert found["twitter:card"] == ["summary_large_image"]
    assert [int(*found[f"og:image:{side}"]) for side in ("width", "height")] == list(SIZE)
    assert found["og:image"] == found["twitter:image"]
    (picture,) = found["og:image"]
    assert "<title>PixelCNN draws digits</title>" in page
    return picture


@pytest.mark.parametrize("name", ["index.html", "web/index.html"])
def test_plain_files_name_a_picture_beside_them(name):
    picture = assert_ours((ROOT / name).read_text())
    path = (ROOT / name).parent / picture
    with Image.open(path) as opened:
        assert opened.size == SIZE
    assert path.stat().st_size < 60_000


def test_a_static_space_names_its_picture_and_its_page_on_the_hub(tmp_path):
    main([SPACE, "--static", "--dry-run", str(tmp_path / "new")])
    for name in ("index.html", "web/index.html"):
        page = (tmp_path / "new" / name).read_text()
        base = f"https://huggingface.co/spaces/{SPACE}/resolve/main/"
        assert assert_ours(page) == f"{base}web/preview.png"
    assert f'data-space="{SPACE}"' in page
    assert (tmp_path / "new" / "web" / "preview.png").is_file()


@pytest.mark.slow
@pytest.mark.parametrize("space", [False, True])
def test_in_gradio_its_own_tags_give_way(space):
    url = server_url(space=space)
    with urllib.request.urlopen(url) as answer:
        page = answer.read().decode()
    assert "Gradio" not in str(tags(page))
    picture = assert_ours(page)
    host = f"https://{SPACE.replace('/', '-')}.hf.space"
    assert picture.startswith(host if space else url)
    with urllib.request.urlopen(picture.replace(host, url)) as answer:
        assert Image.open(io.BytesIO(answer.read())).size == SIZE
