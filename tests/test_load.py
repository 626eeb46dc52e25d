"""Many at once, and replicas: what the benches of load count, and two servers behind a real nginx."""

import asyncio
import json
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from gradio_client import Client
from playwright.sync_api import expect

from bench import load, load_files, replicas
from bench.clients import Lost, Refused, Request, ask, client, hang_up, requests
from bench.load import Tally
from bench.nginx import nginx, render
from bench.page_server import ROOT, app, free_port
from tests.page_server import models_folder, server_url

NGINX = Path(shutil.which("nginx") or "/usr/sbin/nginx")
needs_nginx = pytest.mark.skipif(not NGINX.is_file(), reason="There is no nginx here.")


async def answering(value):
    return value


async def raising(error):
    raise error


def test_a_tally_tells_answers_from_wrong_ones_refusals_and_losses():
    async def four():
        tally = Tally()
        assert await tally.time(answering({"seed": 1}), {"seed": 1})
        assert await tally.time(answering({"seed": 2}), {"seed": 1})
        assert not await tally.time(raising(Refused("The page is busy.")), {"seed": 1})
        assert not await tally.time(raising(Lost("nothing")), {"seed": 1})
        return tally.summary(2.0)

    summary = asyncio.run(four())
    counts = {name: summary[name] for name in ("answers", "wrong", "refused", "lost")}
    assert counts == dict.fromkeys(counts, 1)
    assert summary["per_second"] == 1.0
    assert summary["sentences"] == {"The page is busy.": 1, "nothing": 1}


def test_a_first_visit_fetches_files_that_are_there():
    names = load_files.first_visit()
    assert {"web/index.html", "web/js/main.js", "web/css/base.css", "web/engine/engine.wasm"} <= {
        *names
    }
    assert "weights/binary/model.safetensors" in names
    assert all((ROOT / name).is_file() for name in names)


def test_only_what_has_an_answer_is_asked():
    asked = requests(models_folder())
    assert {each.endpoint for each in asked} == {"sample", "complete", "trace", "posterior"}
    assert "gray" not in {each.arguments["model"] for each in asked if each.endpoint == "posterior"}


@needs_nginx
def test_nginx_takes_the_config_as_it_is_documented(tmp_path):
    config = tmp_path / "nginx.conf"
    config.write_text(render(tmp_path, (8080, 8081), ()), encoding="utf-8")
    settings = f"pid {tmp_path}/pid; error_log stderr;"
    command = [NGINX, "-t", "-q", "-p", tmp_path, "-e", "stderr", "-c", config, "-g", settings]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@needs_nginx
def test_visits_of_files_are_compared_with_the_disk(capsys):
    load_files.main(["--clients", "2", "--seconds", "0.1"])
    result = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert result["answers"] >= 2
    assert result["lost"] == result["wrong"] == 0
    size = sum((ROOT / name).stat().st_size for name in load_files.first_visit())
    assert size / 3 < 1000 * result["kb_a_visit"] < size


@needs_nginx
@pytest.mark.parametrize(
    ("name", "sentence"),
    [("web/index.html", "not what lies on disk"), ("web/missing.html", "404")],
)
def test_a_file_that_is_another_or_missing_is_a_visit_lost(name, sentence):
    with nginx() as served:
        port = int(served.files.rsplit(":", 1)[1])
        result = asyncio.run(load_files.load(port, {name: b"other"}, 1, 0.01))
    assert result["answers"] == 0
    assert result["lost"] >= 1
    assert sentence in str(result["sentences"])


@needs_nginx
def test_hidden_files_are_not_served_and_others_are_checked_before_use():
    with nginx() as served:
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(f"{served.files}/.git/config")
        with urllib.request.urlopen(f"{served.files}/web/engine/engine.wasm") as answer:
            headers = answer.headers
    assert headers["Content-Type"] == "application/wasm"
    assert headers["Cache-Control"] == "no-cache"
    assert headers["ETag"]


@needs_nginx
def test_without_a_replica_the_answer_is_a_sentence():
    async def call(url):
        async with client(url) as http:
            await ask(http, Request("sample", {"count": 1}))

    with nginx() as served, pytest.raises(Refused, match="does not answer: try again in a moment"):
        asyncio.run(call(served.endpoints))


@pytest.mark.slow
def test_under_load_every_answer_is_the_one_that_was_given_alone(capsys):
    flags = ["--clients", "8", "--seconds", "3", "--crowd", "320"]
    load.main(["--weights", str(models_folder()), *flags])
    result = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert result["answers"] >= 8
    assert result["lost"] == result["wrong"] == result["refused"] == 0
    crowd = result["crowd"]
    assert crowd["answers"] + crowd["refused"] == 320
    assert crowd["refused"] > 0
    assert crowd["lost"] == crowd["wrong"] == 0
    assert all("try again" in each or "Queue is full" in each for each in crowd["sentences"])
    assert result["alone_after_crowd_ms"] < 60_000


@pytest.mark.slow
def test_calls_of_programs_that_hang_up_are_not_run():
    request = Request("sample", {"count": 40, "seed": 1, "model": "gray"})

    async def seconds(url, act, count):
        async def call():
            async with client(url) as http:
                await act(http, request)

        start = time.monotonic()
        await asyncio.gather(*(call() for _ in range(count)))
        return time.monotonic() - start

    url = server_url()
    all_of_them = asyncio.run(seconds(url, ask, 16))
    asyncio.run(seconds(url, hang_up, 16))
    assert asyncio.run(seconds(url, ask, 1)) < all_of_them / 3


SLOW_TO_DIE = """
import socket, sys
memory = bytearray(b"1" * 400_000_000)  # which the system takes back before it closes the port
with socket.create_server(("127.0.0.1", int(sys.argv[2]))):
    print("listening", flush=True)
    sys.stdin.read()
"""


def test_a_server_is_dead_once_it_was_killed(tmp_path):
    (tmp_path / "app.py").write_text(SLOW_TO_DIE, encoding="utf-8")
    port = free_port()
    command = [sys.executable, "app.py", "--port", str(port)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, cwd=tmp_path, **pipes) as server:
        assert server.stdout.readline() == b"listening\n"
        replicas.kill(f"http://127.0.0.1:{port}")
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port)).close()
    assert server.returncode == -signal.SIGKILL


@pytest.fixture(scope="module")
def pair():
    """Two servers, and nginx before them."""
    folder = models_folder()
    with app(folder) as first, app(folder) as second, nginx([first, second]) as served:
        yield [first, second], served.endpoints


@pytest.mark.slow
@needs_nginx
def test_gradios_client_works_through_nginx(pair):
    _, url = pair
    gradio = Client(url, verbose=False)
    assert gradio.cookies["replica"] in ("1", "2")
    blank = [[0] * 28 for _ in range(28)]
    assert len(gradio.predict(count=2, seed=1, api_name="/sample")["levels"]) == 2
    assert len(gradio.predict(blank, count=3, seed=1, api_name="/complete")["levels"]) == 3
    assert len(gradio.predict(blank, api_name="/trace")["digits"]) == 785
    assert len(gradio.predict(blank, api_name="/posterior")["posterior"]) == 10
    gradio.close()


@pytest.mark.slow
@needs_nginx
def test_a_killed_replica_loses_nothing_but_its_running_calls(pair):
    apps, url = pair
    result = asyncio.run(replicas.kill_and_restart(url, apps, models_folder(), 16, 6))
    assert result["answers"] >= 16
    assert result["lost"] == result["wrong"] == 0
    assert result["broken"] <= result["ran_on_the_killed"]
    before, without, after = (each.split() for each in result["replica_of_each"])
    assert set(before) == {"1", "2"}
    assert set(without) == {"2"}
    # Half of the clients keep no cookie: these come back to their own. The others stay where they fled to.
    assert after[1::2] == before[1::2]
    assert set(after[::2]) == {"2"}


# The last: Playwright keeps an event loop running, and the others run their own.
@pytest.mark.browser
@needs_nginx
def test_the_page_opens_through_nginx(pair, tab):
    _, url = pair
    tab.goto(f"{url}/?view=sample&count=4&seed=3")
    expect(tab.locator(".samples .digit")).to_have_count(4)
    expect(tab.locator(".samples")).to_have_attribute("data-seed", "3")
