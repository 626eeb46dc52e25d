"""The repository as a Space: its card, its pins, the upload, and the page as it runs there."""

import importlib.metadata
import importlib.util
import json
import os
import re
import subprocess
import sys
import urllib.request
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from gradio_client import Client
from huggingface_hub import SpaceCard
from packaging.requirements import Requirement
from playwright.sync_api import sync_playwright

import pixelcnn
from bench.page_server import files, free_port, wait_for
from pixelcnn import space
from pixelcnn.space import HARDWARE, ROOT, main, requirements
from tests.hub_stub import READER
from tests.page_browser import CHROMIUM
from tests.page_server import START_LIMIT_S
from tests.toys import exactly

ONE = [[int(12 <= column <= 14) for column in range(28)] for _ in range(28)]
SPACES = importlib.util.find_spec("spaces") is not None
COLOURS = ("red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray")


@pytest.fixture(scope="module")
def card():
    return SpaceCard(space.space_card("someone/digits", HARDWARE[0], None))


def pins(text):
    lines = [line for line in text.splitlines() if not line.startswith("-")]
    return {pin.name: pin for pin in map(Requirement, lines)}


def test_the_front_matter_is_valid(card):
    data = card.data.to_dict()
    assert data["sdk"] == "gradio"
    assert len(data["short_description"]) <= 60
    assert {data["colorFrom"], data["colorTo"]} <= set(COLOURS)
    assert (ROOT / data["app_file"]).is_file()
    assert (ROOT / data["thumbnail"].partition("/resolve/main/")[2]).is_file()
    assert not (ROOT / "README.md").read_text().startswith("---")
    assert data["license"] == "mit"
    assert "MIT License" in (ROOT / "LICENSE").read_text()
    assert {"title", "emoji", "tags", "models", "datasets"} <= data.keys()
    assert isinstance(data["python_version"], str)
    asked = re.search(r'requires-python = ">=3\.(\d+)"', (ROOT / "pyproject.toml").read_text())
    assert int(data["python_version"].partition(".")[2]) >= int(asked[1])


@pytest.mark.parametrize("hardware", HARDWARE)
def test_front_matter_and_requirements_hold_together(card, hardware):
    """The builder installs `gradio[oauth,mcp]` of the card's version: no pin may be another."""
    wanted, ours = pins(requirements(hardware)), pins((ROOT / "requirements.txt").read_text())
    assert str(wanted["gradio"].specifier) == f"=={card.data.sdk_version}"
    for name in wanted.keys() & ours.keys() - {"torch"}:
        assert wanted[name].specifier == ours[name].specifier
    for line in importlib.metadata.requires("gradio"):
        need = Requirement(line)
        asked = need.marker is None or any(
            need.marker.evaluate({"extra": extra}) for extra in ("", "oauth", "mcp")
        )
        if asked and (pin := wanted.get(need.name)) and pin.name != "gradio":
            version = str(pin.specifier).removeprefix("==")
            assert need.specifier.contains(version), line


def test_torch_is_the_build_for_the_hardware():
    cpu, zero = map(requirements, HARDWARE)
    assert "--extra-index-url https://download.pytorch.org/whl/cpu" in cpu.splitlines()
    assert pins(cpu)["torch"] == pins((ROOT / "requirements.txt").read_text())["torch"]
    assert "--" not in zero
    assert str(pins(zero)["torch"].specifier) == "==2.11.0"
    assert {"torchvision", "matplotlib"}.isdisjoint(pins(cpu) | pins(zero))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """What a dry run writes."""
    folder = tmp_path_factory.mktemp("space") / "new"
    main(["someone/digits", "--dry-run", str(folder)])
    return folder


def test_a_dry_run_writes_just_what_the_page_needs(folder, capsys):
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert {path.partition("/")[0] for path in files} == {
        "CONTRIBUTING.md",
        "LICENSE",
        "README.md",
        "app.py",
        "docs",
        "examples",
        "pixelcnn",
        "requirements.txt",
        "web",
        "weights",
    }
    assert {"weights/binary/model.safetensors", "web/js/main.js", "web/engine/engine.wasm"} <= files
    assert not [path for path in files if "__pycache__" in path or ".gitignore" in path]
    assert sum((folder / path).stat().st_size for path in files) < 15e6
    text = (folder / "README.md").read_text()
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", text):
        assert (folder / target).exists(), target
    with pytest.raises(SystemExit, match=exactly(f"{folder} is not empty: give a new folder.")):
        main(["someone/digits", "--dry-run", str(folder)])


@pytest.fixture(scope="module")
def plain_files(tmp_path_factory):
    """What a dry run of a static Space writes."""
    folder = tmp_path_factory.mktemp("space") / "static"
    main(["someone/digits", "--static", "--dry-run", str(folder)])
    return folder


def test_a_static_space_is_plain_files_of_a_few_megabytes(plain_files):
    paths = [path for path in plain_files.rglob("*") if path.is_file()]
    files = {path.relative_to(plain_files).as_posix() for path in paths}
    tops = {path.partition("/")[0] for path in files}
    assert tops == {"LICENSE", "README.md", "docs", "index.html", "web", "weights"}
    assert {path for path in files if path.startswith("docs/")} == {"docs/api.md"}
    assert {"web/engine/engine.wasm", "web/vendor/gifenc/LICENSE"} <= files
    assert not [path for path in files if path.endswith((".py", ".c", ".h"))]
    assert sum(path.stat().st_size for path in paths) < 8e6
    card = SpaceCard.load(plain_files / "README.md")
    assert (card.data.sdk, card.data.app_file) == ("static", "index.html")
    assert {"sdk_version", "python_version"}.isdisjoint(card.data.to_dict())
    assert (plain_files / card.data.thumbnail.partition("/resolve/main/")[2]).is_file()
    # To open the page costs less than 3 MB, a model included.
    opened = [path for path in paths if "web" in path.parts] + [
        plain_files / "weights" / "binary" / "model.safetensors"
    ]
    assert sum(path.stat().st_size for path in opened) < 3e6


@pytest.mark.browser
@pytest.mark.skipif(not CHROMIUM, reason="no Chromium is installed")
def test_a_static_space_opens_with_the_visitors_query(plain_files):
    with files(plain_files) as url:
        assert look(url) == (None, 16, [])


def test_a_static_space_is_uploaded_and_may_become_one_of_gradio(hub, plain_files, capsys):
    main(["someone/digits", "--static"])
    assert capsys.readouterr().out == f"{hub.url}/spaces/someone/digits\n"
    repo = hub.repos["spaces/someone/digits"]
    assert repo.created["sdk"] == "static"
    written = {path.relative_to(plain_files).as_posix() for path in plain_files.rglob("*.*")}
    assert repo.files().keys() >= {path for path in written if (plain_files / path).is_file()}
    main(["someone/digits", "--hardware", "zero-a10g"])
    assert {"app.py", "requirements.txt"} <= repo.files().keys()
    assert "index.html" not in repo.files()
    main(["someone/digits", "--static"])
    assert {"app.py", "requirements.txt"}.isdisjoint(repo.files())
    assert len(repo.messages) == 3


def test_an_upload_is_one_commit_and_an_address(hub, folder, capsys):
    main(["someone/digits", "--hardware", "zero-a10g"])
    assert capsys.readouterr().out == f"{hub.url}/spaces/someone/digits\n"
    repo = hub.repos["spaces/someone/digits"]
    assert (repo.created["sdk"], repo.created["hardware"]) == ("gradio", "zero-a10g")
    assert len(repo.messages) == 1
    written = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert repo.files().keys() - {".gitattributes"} == written
    assert repo.files()["app.py"] == (ROOT / "app.py").read_bytes()
    assert b"torch==2.11.0" in repo.files()["requirements.txt"]
    data = SpaceCard(repo.files()["README.md"].decode()).data
    assert data["suggested_hardware"] == "zero-a10g"
    picture = "/spaces/someone/digits/resolve/main/web/preview.png"
    assert data["thumbnail"] == f"https://huggingface.co{picture}"


def test_a_second_upload_moves_the_space_and_clears_what_is_gone(hub):
    main(["someone/digits"])
    repo = hub.repos["spaces/someone/digits"]
    old = {"pixelcnn/gone.py": b"", "weights/old/config.json": b"{}", "notes.txt": b"their own"}
    hub.put("spaces/someone/digits", repo.files() | old)
    main(["someone/digits", "--hardware", "zero-a10g", "--weights", "hf://someone/model@v2"])
    assert repo.hardware == "zero-a10g"
    assert repo.variables == {"PIXELCNN_WEIGHTS": "hf://someone/model@v2"}
    assert SpaceCard(repo.files()["README.md"].decode()).data.models == ["someone/model"]
    assert old.keys() & repo.files().keys() == {"notes.txt"}
    assert len(repo.messages) == 2


def test_the_build_is_waited_for(hub, monkeypatch, capsys):
    monkeypatch.setattr(space, "POLL_S", 0)
    main(["someone/digits"])
    repo = hub.repos["spaces/someone/digits"]
    repo.stages = ["BUILDING", "BUILDING", "BUILDING", "APP_STARTING", "RUNNING"]
    main(["someone/digits", "--wait"])
    assert capsys.readouterr().out.splitlines()[2:] == ["building", "app starting", "running"]
    repo.stages = ["BUILDING", "BUILDING", "BUILD_ERROR"]
    sentence = "someone/digits does not run (BUILD_ERROR): its logs on the Hub say why."
    with pytest.raises(SystemExit, match=exactly(sentence)):
        main(["someone/digits", "--wait"])
    repo.stages = ["BUILDING"]
    with pytest.raises(OSError, match=r"still does not run after 0 s \(BUILDING\)\.$"):
        space.wait("someone/digits", limit_s=0.2)


@pytest.mark.parametrize(
    ("request_", "status", "sentence"),
    [
        ("POST /api/repos", 402, "a Space on cpu-basic needs a paid plan (402): subscribe to one,"),
        ("POST /api/repos", 402, "or take --hardware zero-a10g, which is free."),
        ("GET /api/whoami", 401, "the token is missing or not valid (401): run `hf auth login`"),
        ("POST .*/commit/", 403, "the token may not do this (403)"),
        ("POST .*/commit/", 500, "the Hub answered 500."),
    ],
)
def test_a_refusal_is_explained(hub, request_, status, sentence):
    with hub.refusing(request_, status), pytest.raises(SystemExit) as end:
        main(["someone/digits"])
    assert "someone/digits" in end.value.code
    assert sentence in end.value.code
    assert "\n" not in end.value.code


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["digits"], "A Hub id is NAMESPACE/NAME, got digits."),
        (["a/b", "--weights", "c"], "--weights must be hf://NAMESPACE/NAME[@REVISION], got c."),
        (
            ["a/b", "--static", "--weights", "hf://c/d"],
            "--static takes the weights of this repository: leave --weights out.",
        ),
    ],
)
def test_what_is_no_id_is_refused(hub, arguments, sentence):
    with pytest.raises(SystemExit, match=exactly(sentence)):
        main(arguments)
    assert hub.repos == {}


def test_a_token_that_may_only_read_is_refused(hub, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", READER)
    with pytest.raises(SystemExit, match="the token may only read"):
        main(["someone/digits"])
    assert hub.repos == {}


@contextmanager
def page_of(folder, log, **variables):
    """Run the page of a Space folder as a Space does; yields its address."""
    port = str(free_port())
    space_sets = {
        "SYSTEM": "spaces",
        "SPACE_ID": "someone/digits",
        "SPACE_HOST": "someone-digits.hf.space",
        "SPACE_AUTHOR_NAME": "someone",
        "SPACE_REPO_NAME": "digits",
        "GRADIO_SERVER_NAME": "0.0.0.0",
        "GRADIO_SERVER_PORT": port,
        "GRADIO_NUM_PORTS": "1",
        "GRADIO_ALLOW_FLAGGING": "never",
        "GRADIO_ANALYTICS_ENABLED": "False",
    }
    url, environment = f"http://127.0.0.1:{port}", os.environ | space_sets | variables
    with log.open("w") as file:
        command = [sys.executable, "app.py"]
        options = {"stdout": file, "stderr": subprocess.STDOUT}
        server = subprocess.Popen(command, cwd=folder, env=environment, **options)
    try:
        wait_for(url, server, limit_s=START_LIMIT_S)
        yield url
    finally:
        server.terminate()
        server.wait()


def look(url, query=""):
    """What a browser shows of the page once digits are there: its notice, their number, its errors."""
    errors = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page()
        page.set_default_timeout(60_000)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(f"{url}/?view=sample&seed=1{query}")
        page.wait_for_selector(".samples canvas")
        notice = page.locator(".standing-notice")
        shown = notice.inner_text() if notice.is_visible() else None
        digits = page.locator(".samples canvas").count()
        browser.close()
    return shown, digits, errors


@pytest.mark.slow
def test_the_folder_runs_as_a_space(folder, tmp_path, card):
    """With the packages of the tests, whose gradio is the card's; `.ci/run` repeats it with the extras."""
    assert importlib.metadata.version("gradio") == card.data.sdk_version
    with page_of(folder, tmp_path / "log") as url:
        client = Client(url, verbose=False)
        digits = client.predict(count=2, label=3, temperature=0.7, seed=5, api_name="/sample")
        assert digits["labels"] == [3, 3]
        completed = client.predict(ONE, rows=10, count=2, seed=1, api_name="/complete")
        assert all(image[:10] == ONE[:10] for image in completed["levels"])
        posterior = client.predict(digits["levels"][0], rows=28, api_name="/posterior")["posterior"]
        assert max(range(10), key=posterior.__getitem__) == 3
        trace = client.predict(digits["levels"][0], label=3, api_name="/trace")
        assert sum(map(sum, trace["nats"])) == pytest.approx(digits["nats"][0], abs=0.05)
        client.close()
        with urllib.request.urlopen(f"{url}/config") as answer:
            assert json.load(answer)["space_id"] == "someone/digits"
        if importlib.util.find_spec("mcp"):
            with urllib.request.urlopen(f"{url}/gradio_api/mcp/schema") as answer:
                tools = {tool["name"].rpartition("_")[2] for tool in json.load(answer)}
            assert {"sample", "complete", "trace", "posterior"} <= tools
        if CHROMIUM:
            notice, count, errors = look(url)
            assert (notice, errors) == (None, [])
            assert count == 16
        if SPACES:  # without, Gradio's reloading fails, and says so
            log = (tmp_path / "log").read_text()
            assert "Running on local URL" in log
            assert "hot-reloading" not in log


@pytest.mark.slow
def test_the_page_starts_where_the_hub_is_down_and_says_so(folder, tmp_path):
    down = {"HF_ENDPOINT": "http://127.0.0.1:9", "PIXELCNN_WEIGHTS": "hf://someone/else@v1"}
    with page_of(folder, tmp_path / "log", **down) as url:
        sentence = (
            "someone/else at v1 could not be loaded from the Hub: the Hub could"
            " not be reached. This page runs on the weights that came with it."
        )
        assert sentence in (tmp_path / "log").read_text()
        if CHROMIUM:
            notice, count, errors = look(url)
            assert (notice, errors) == (sentence, [])
            assert count == 16


@pytest.mark.slow
@pytest.mark.skipif(not SPACES, reason="the package spaces is not installed; .ci/run adds it")
def test_the_page_starts_on_zerogpu_with_weights_of_the_hub(hub, folder, tmp_path):
    """With the real package: it reports to ZeroGPU only where it found a decorated function."""
    reported = []

    class Device(BaseHTTPRequestHandler):
        def do_POST(self):
            reported.append(self.path)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

    ours = ROOT / "weights" / "binary"
    names = ("config.json", "model.safetensors", "metrics.json")
    hub.put("models/someone/model", {name: (ours / name).read_bytes() for name in names}, "v1")
    with ThreadingHTTPServer(("127.0.0.1", 0), Device) as device:
        Thread(target=device.serve_forever, daemon=True).start()
        zero = {
            "SPACES_ZERO_GPU": "true",
            "SPACES_ZERO_DEVICE_API_URL": f"http://127.0.0.1:{device.server_port}",
            "PIXELCNN_WEIGHTS": "hf://someone/model@v1",
        }
        with page_of(folder, tmp_path / "log", **zero) as url:
            client = Client(url, verbose=False)
            digits = client.predict(count=1, seed=5, api_name="/sample")
            client.close()
        device.shutdown()
    assert reported == ["/startup-report"]
    drawn = pixelcnn.generate(pixelcnn.load(ours), 1, seed=5)
    assert digits["model"] == "model"
    assert digits["levels"] == drawn.levels[:, 0].tolist()
