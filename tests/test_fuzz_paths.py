"""The file routes of the page in Gradio: only the page and its weights are served, whatever is asked."""

import itertools
import socket
from urllib.parse import quote, urlsplit

import pytest

from pixelcnn.ui import page
from tests.page_server import ROOT, linked_folder, server_url

SECRET = b"nobody may read this"


def ask(path: str) -> tuple[int, bytes]:
    """Send a path as it is, without a client that would tidy it up; returns status and body."""
    address = urlsplit(server_url())
    with socket.create_connection((address.hostname, address.port), timeout=60) as connection:
        head = f"GET {path} HTTP/1.1\r\nHost: {address.netloc}\r\nConnection: close\r\n\r\n"
        connection.sendall(head.encode("latin-1"))
        parts = iter(lambda: connection.recv(65_536), b"")
        answer = b"".join(parts)
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), body


ROUTES = (
    *(
        "/gradio_api/file=",
        "/gradio_api/file/",
        "/file=",
        "/file/",
        "/static/",
        "/assets/",
        "/svelte/",
    ),
    *(
        "/gradio_api/proxy=",
        "/gradio_api/stream/",
        "/gradio_api/custom_component/x/",
        "/theme.css/",
        "/",
    ),
    f"/gradio_api/file={ROOT}/web/",
    f"/gradio_api/file={ROOT}/web/js/../",
)


def spellings(path: str) -> list[str]:
    """Ways to write an absolute path for a server to stumble over."""
    up = "../" * 12 + path.lstrip("/")
    return [
        path,
        f"/{path}",
        up,
        up.replace("../", "..%2f"),
        up.replace("../", "%2e%2e/"),
        up.replace("../", "%2e%2e%2f"),
        up.replace("../", "..%252f"),
        up.replace("../", "..%5c"),
        up.replace("../", "..;/"),
        up.replace("../", "%c0%ae%c0%ae/"),
        up.replace("../", "....//"),
        quote(path, safe=""),
        f"{path}%00",
        f"{path}%00.js",
        f"{path}%20",
        f"{path}?x=.js",
        f"{path}/.",
        f"file://{path}",
        f"http://127.0.0.1{path}",
        f"file%3a%2f%2f{path}",
    ]


@pytest.mark.slow
def test_no_path_leads_out_of_what_is_served(tmp_path_factory):
    secret = tmp_path_factory.mktemp("secret") / "secret.txt"
    secret.write_bytes(SECRET)
    targets = (secret, ROOT / "pyproject.toml")
    asked = 0
    for route, target in itertools.product(ROUTES, targets):
        content = target.read_bytes()[:200]
        for spelling in spellings(str(target)):
            status, body = ask(route + spelling)
            assert status < 500, route + spelling
            assert content not in body, route + spelling
            asked += 1
    assert asked > 500
    for path in ("/etc/passwd", "/proc/self/environ", "/dev/zero", str(ROOT), str(linked_folder())):
        for spelling in spellings(path):
            status, body = ask(f"/gradio_api/file={spelling}")
            assert status in (400, 403, 404), spelling
            assert len(body) < 2_000


@pytest.mark.slow
def test_the_page_and_its_weights_are_served():
    for path in (ROOT / "web" / "js" / "main.js", linked_folder() / "binary" / "config.json"):
        status, body = ask(f"/gradio_api/file={path}")
        if (
            path.is_symlink()
        ):  # as the Hub's cache has it: asked for by the name that the page knows
            assert body == path.read_bytes()
        assert status == 200


def test_links_that_lead_out_of_the_page_are_not_among_its_files(tmp_path):
    (tmp_path / "secret.txt").write_bytes(SECRET)
    web = tmp_path / "web"
    (web / "js").mkdir(parents=True)
    (web / "js" / "main.js").write_text("")
    (web / "secret.txt").symlink_to(tmp_path / "secret.txt")
    (web / "all").symlink_to(tmp_path)
    assert page._files(web) == [web / "js" / "main.js"]
