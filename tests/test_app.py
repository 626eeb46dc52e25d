"""The endpoints as a program sees them, through the real server."""

import asyncio
import json
import math
import re
import shutil
import subprocess
import sys
from urllib.parse import urlsplit

import pytest
import torch
from gradio_client import Client
from gradio_client.exceptions import AppError

import pixelcnn
from bench.fuzz_endpoints import call
from bench.machine import resident_mb
from bench.page_server import free_port, process_of
from pixelcnn.ui import command
from pixelcnn.ui.descriptions import Description
from pixelcnn.ui.executor import ModelExecutor
from pixelcnn.ui.quick_gradio import gradio as gr
from pixelcnn.ui.service import ENDPOINTS, Service
from tests.page_server import ROOT, models_folder, server_url, tiny_models

pytestmark = pytest.mark.slow  # a server starts for these

SIZE = 28
BLANK = [[0] * SIZE for _ in range(SIZE)]


@pytest.fixture(scope="module")
def models():
    return tiny_models()


@pytest.fixture(scope="module")
def client():
    client = Client(server_url(), verbose=False)
    yield client
    client.close()


def test_sample_is_what_the_package_draws(client, models):
    answer = client.predict(count=3, label=7, seed=5, api_name="/sample")
    drawn = pixelcnn.generate(models["binary"], 3, label=7, seed=5)
    assert answer["levels"] == drawn.levels[:, 0].tolist()
    assert answer["labels"] == [7, 7, 7]
    nats = (-drawn.log_prob.sum((1, 2, 3))).tolist()
    assert answer["nats"] == pytest.approx(nats, abs=1e-3)


def test_sample_without_a_seed_tells_the_one_it_took(client):
    first = client.predict(count=2, api_name="/sample")
    again = client.predict(count=2, seed=first["seed"], api_name="/sample")
    assert again == first


def test_completions_keep_the_rows_and_come_most_probable_first(client):
    top = [[1] * SIZE for _ in range(SIZE)]
    answer = client.predict(top, rows=10, count=5, label=3, seed=1, api_name="/complete")
    assert len(answer["levels"]) == 5
    assert all(image[:10] == top[:10] for image in answer["levels"])
    assert answer["nats"] == sorted(answer["nats"])
    assert sum(answer["posterior"]) == pytest.approx(1, abs=1e-3)


def test_completions_keep_any_given_pixels(client, models):
    image = torch.randint(2, (1, 1, SIZE, SIZE), generator=torch.Generator().manual_seed(0))
    given = [[column < 9 or row > 20 for column in range(SIZE)] for row in range(SIZE)]
    settings = {"count": 3, "seed": 1}
    levels = image[0, 0].tolist()
    answer = client.predict(levels, given=given, **settings, api_name="/complete")
    assert answer["rows"] is None
    mask = torch.tensor(given)
    drawn = pixelcnn.complete(models["binary"], image, given=mask, **settings)
    assert sorted(answer["levels"]) == sorted(drawn.levels[:, 0].tolist())
    kept = torch.tensor(answer["levels"])[:, mask]
    assert kept.equal(image[0, 0][mask].expand_as(kept))
    posterior = client.predict(levels, given=given, api_name="/posterior")["posterior"]
    assert posterior == pytest.approx(drawn.posterior[0].tolist(), abs=1e-3)


def test_a_trace_adds_up_to_the_nats_of_the_digit(client):
    digit = client.predict(count=1, seed=2, api_name="/sample")
    trace = client.predict(digit["levels"][0], label=digit["labels"][0], api_name="/trace")
    total = sum(map(sum, trace["nats"]))
    assert total == pytest.approx(digit["nats"][0], abs=0.05)


def test_a_trace_tells_how_probable_each_digit_is_after_every_pixel(client, models):
    image = torch.randint(2, (1, 1, SIZE, SIZE), generator=torch.Generator().manual_seed(0))
    digits = client.predict(image[0, 0].tolist(), api_name="/trace")["digits"]
    assert len(digits) == SIZE * SIZE + 1
    assert digits[0] == [0.1] * 10
    with torch.inference_mode():
        each = [models["binary"].log_prob(image, label).flatten() for label in range(10)]
    for pixels in (1, 100, 411, SIZE * SIZE):
        joint = torch.stack([nats[:pixels].sum() for nats in each])
        assert digits[pixels] == pytest.approx(joint.softmax(0).tolist(), abs=6e-4)
    assert len({tuple(each) for each in digits[392:420]}) > 10  # within one row


def test_the_trace_ends_with_the_posterior_of_all_rows(client):
    trace = client.predict(BLANK, api_name="/trace")
    answer = client.predict(BLANK, rows=SIZE, api_name="/posterior")
    assert trace["digits"][-1] == pytest.approx(answer["posterior"], abs=1e-3)
    assert trace["label"] == max(range(10), key=answer["posterior"].__getitem__)


def test_distinct_completions_differ_where_the_model_has_others(client):
    top = [[1] * SIZE for _ in range(SIZE)]
    settings = {"rows": 27, "label": 3, "temperature": 0.07, "seed": 2, "api_name": "/complete"}

    def shapes(answer):
        return {str(image) for image in answer["levels"]}

    plain = client.predict(top, **settings)
    assert len(plain["levels"]) == sum(plain["times"]) == 8
    assert len(shapes(plain)) < 8
    answer = client.predict(top, distinct=True, **settings)
    assert len(answer["levels"]) == len(shapes(answer)) == 8
    assert shapes(plain) <= shapes(answer)
    assert answer["nats"] == sorted(answer["nats"])
    assert sum(answer["times"]) > 8
    assert client.predict(top, distinct=True, **settings) == answer


def test_at_temperature_0_there_is_one_distinct_completion(client):
    answer = client.predict(
        BLANK, label=3, temperature=0, seed=0, distinct=True, api_name="/complete"
    )
    assert len(answer["levels"]) == 1
    assert answer["times"] == [16]  # the second draw brought nothing new


def test_a_model_without_classes_has_no_labels(client):
    answer = client.predict(BLANK, count=2, seed=0, model="gray", api_name="/complete")
    assert answer["labels"] is None
    assert answer["posterior"] is None
    assert client.predict(BLANK, model="gray", api_name="/trace")["digits"] is None


@pytest.mark.parametrize(
    ("endpoint", "arguments", "sentence"),
    [
        ("/sample", {"count": 65}, "count must be a whole number from 1 to 64, got 65"),
        ("/sample", {"count": "many"}, "count must be a whole number"),
        ("/sample", {"count": True}, "count must be a whole number"),
        ("/sample", {"label": 10}, "label must be a whole number from 0 to 9, got 10"),
        ("/sample", {"label": 1, "model": "gray"}, "no classes"),
        ("/sample", {"temperature": -1}, "temperature must be a number from 0 to 2"),
        ("/sample", {"temperature": "hot"}, "temperature must be a number"),
        ("/sample", {"seed": -1}, "seed must be a whole number"),
        ("/sample", {"model": "best"}, "model must be one of binary, gray"),
        ("/complete", {"levels": BLANK[:9]}, "levels must be 28 lists of 28"),
        ("/complete", {"levels": "ink"}, "levels must be 28 lists of 28"),
        ("/complete", {"levels": [*BLANK[:27], [0] * 27]}, "row 27 is not"),
        ("/complete", {"levels": [[2] * SIZE] * SIZE}, "row 0 holds 2"),
        ("/complete", {"levels": [[None] * SIZE] * SIZE}, "row 0 holds None"),
        (
            "/complete",
            {"levels": BLANK, "given": [[True] * 27] * SIZE},
            "given must be 28 lists of 28 booleans, true where a pixel is given; row 0 is not",
        ),
        ("/complete", {"levels": BLANK, "given": [[1] * SIZE] * SIZE}, "row 0 holds 1"),
        ("/complete", {"levels": BLANK, "rows": 3, "given": [[True] * SIZE] * SIZE}, "got both"),
        (
            "/posterior",
            {
                "levels": BLANK,
                "model": "residual",
                "given": [[False] * SIZE, *[[True] * SIZE] * 27],
            },
            "This model has no conditioner",
        ),
        ("/complete", {"levels": BLANK, "rows": 29}, "rows must be a whole number from 0 to 28"),
        ("/complete", {"levels": BLANK, "distinct": 1}, "distinct must be true or false, got 1"),
        ("/posterior", {"levels": BLANK, "model": "gray"}, "no classes"),
    ],
)
def test_bad_input_is_refused_in_a_sentence(client, endpoint, arguments, sentence):
    with pytest.raises(AppError, match=sentence):
        client.predict(**arguments, api_name=endpoint)


GENERIC = re.compile(r"\d(st|nd|rd|th)\b|\bApi\b|str, Any")  # what Gradio says by itself


def test_every_parameter_and_every_key_of_an_answer_is_described(client):
    endpoints = client.view_api(return_format="dict")["named_endpoints"]
    assert endpoints.keys() == {f"/{name}" for name in ENDPOINTS}
    for endpoint in endpoints.values():
        assert endpoint["description"].endswith(".")
        for parameter in endpoint["parameters"]:
            assert parameter["label"] == parameter["parameter_name"]
            assert len(parameter["python_type"]["description"]) > 10
        (answer,) = endpoint["returns"]
        for schema in answer["type"]["properties"].values():
            assert len(schema["description"]) > 10
        assert answer["python_type"]["type"].startswith("dict(")
    text = client.view_api(print_info=False, return_format="str")
    assert not GENERIC.search(text)
    assert "MNIST has them. Only for models that know both hands" in text  # whole, not a first line
    shown = client.view_api(return_format="dict")["named_endpoints"]["/complete"]["returns"][0]
    answer = client.predict(BLANK, count=1, seed=0, api_name="/complete")
    assert list(answer) == list(shown["type"]["properties"])


def test_a_description_is_read_whole_from_a_docstring():
    def method(count: int) -> dict[str, int]:
        """Draw.

        Args:
            count: how many, 1 to 64;
                more are refused: by a sentence.

        Returns:
            levels: the digits.
        """
        return {"levels": count}

    description = Description.of(method)
    assert description.summary == "Draw."
    assert description.parameters == {
        "count": "how many, 1 to 64; more are refused: by a sentence."
    }
    assert description.keys == {"levels": "the digits."}
    assert "count: how many, 1 to 64; more are refused: by a sentence.\n" in description.docstring


SNIPPETS = re.findall(  # (language, code)
    r"<!-- run by the tests -->\n```(\w+)\n(.*?)```",
    (ROOT / "docs" / "api.md").read_text(encoding="utf-8"),
    re.DOTALL,
)


def run_snippet(code):
    """Run it as it stands, but for the address; returns its names."""
    names = {}
    exec(code.replace("http://127.0.0.1:7860", server_url()), names)
    return names


def test_the_snippet_for_python_runs(models):
    (code,) = (code for _, code in SNIPPETS if "gradio_client" in code)
    names = run_snippet(code)
    drawn = pixelcnn.generate(models["binary"], 2, label=7, seed=5)
    assert names["drawn"]["levels"] == drawn.levels[:, 0].tolist()
    assert len(names["done"]["levels"]) == 4


@pytest.mark.skipif(not shutil.which("curl"), reason="no curl is installed")
def test_the_snippet_for_any_language_runs(models):
    (command,) = (code for language, code in SNIPPETS if language == "sh")
    command = command.replace("http://127.0.0.1:7860", server_url())
    answer = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=120)
    (data,) = re.findall(r"^data: (.*)$", answer.stdout, re.MULTILINE)
    drawn = pixelcnn.generate(models["binary"], 2, label=7, seed=5)
    assert json.loads(data)[0]["levels"] == drawn.levels[:, 0].tolist()


def test_the_snippet_for_agents_runs_and_its_tools_are_described(models):
    (code,) = (code for _, code in SNIPPETS if "mcp" in code)
    names = run_snippet(code)
    drawn = pixelcnn.generate(models["binary"], 2, label=7, seed=5)
    assert names["drawn"]["levels"] == drawn.levels[:, 0].tolist()
    assert len(names["tools"]) == len(ENDPOINTS)
    for tool in names["tools"].values():
        assert "Returns: " in tool.description
        for schema in tool.inputSchema["properties"].values():
            assert len(schema["description"]) > 10
            assert not GENERIC.search(schema["description"])


def test_temperature_must_be_finite(models):
    service = Service(models, ModelExecutor())
    with pytest.raises(ValueError, match="got nan"):
        service.sample(temperature=math.nan).send(None)


def test_the_page_needs_a_model():
    with pytest.raises(ValueError, match="at least one model"):
        Service({}, ModelExecutor())


IMPORT = """
import ast, inspect, sys
from unittest import mock

with mock.patch("ast.get_source_segment", wraps=ast.get_source_segment) as parse:
    import app
    from pixelcnn.ui import command

print(sorted({"torchvision", "matplotlib"} & set(sys.modules)), parse.call_count)
print(inspect.getfile(command.Service).endswith("service.py"))
command.pixelcnn.load(command.WEIGHTS / "binary")
print("torch._dynamo" in sys.modules)
"""


def test_the_app_starts_without_plots_data_stubs_of_gradio_or_a_compiler():
    answer = subprocess.run(
        [sys.executable, "-c", IMPORT], capture_output=True, text=True, check=True
    )
    assert answer.stdout.split("\n") == ["[] 0", "True", "False", ""]


SLOW = """
from gradio import networking
from pixelcnn.ui import command

networking.url_ok = lambda url: False
command.main()
"""


def test_the_server_starts_where_it_does_not_get_its_own_page_in_time():
    flags = ["--port", str(free_port()), "--weights", str(models_folder())]
    start = [sys.executable, "-u", "-c", SLOW, *flags]
    with subprocess.Popen(start, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert any("public link" in line for line in server.stdout)  # the last word of a start
        finally:
            server.terminate()


def test_what_a_session_sent_is_forgotten_soon():
    host, process = urlsplit(server_url()).netloc, process_of(server_url())
    body = json.dumps({"data": [[0.5] * 100_000]}).encode()  # 3 MB as a list

    def ask(sessions):
        for _ in range(sessions):
            assert call(host, "posterior", body) == "refused"
        return resident_mb(process)

    before = ask(20)
    assert ask(50) - before < 50


def test_calls_are_not_summed_up(monkeypatch):
    for name, value in command.UNCOUNTED.items():
        monkeypatch.setenv(name, value)

    async def summary():  # Gradio wants an event loop
        queue = gr.queueing.Queue(False, 1, 1, None, blocks=None)
        queue.events_recorded = 100_000
        one = {"function": "sample", "status": "success", "process_time": 1.0}
        return queue.compute_analytics_summary([one])

    assert asyncio.run(summary()) == {"functions": {}}
