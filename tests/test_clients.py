"""What clients of the endpoints send and get: nulls, whole floats, JSON, pictures of links, headers."""

import asyncio
import inspect
import json
from types import SimpleNamespace

import pytest
import torch

import pixelcnn
from pixelcnn.ui.descriptions import answer_in_json
from pixelcnn.ui.endpoints import named_endpoint, server_function
from pixelcnn.ui.executor import ModelExecutor
from pixelcnn.ui.page import WEB, launch_options
from pixelcnn.ui.preview import PreviewTags
from pixelcnn.ui.quick_gradio import gradio as gr
from pixelcnn.ui.service import Service
from tests.page_server import tiny_models, usual

SIZE = 28
DIGIT = [[int(8 < i < 20 and j == 14) for j in range(SIZE)] for i in range(SIZE)]
EXAMPLE = {"levels": DIGIT, "seed": 3, "count": 2}


@pytest.fixture(scope="module")
def service():
    models = tiny_models()
    models["binary"].reference = usual(models["binary"])
    return Service(models, ModelExecutor())


def defaults(method):
    """The arguments that may be left out, and those of the example."""
    parameters = inspect.signature(method).parameters
    given = {name: EXAMPLE[name] for name in parameters if name in EXAMPLE}
    return given, [name for name in parameters if name not in given]


def test_null_means_left_out(service):
    """For every parameter of every endpoint, by position, by name, and as the page asks."""
    for method in service.endpoints:
        given, others = defaults(method)
        expected = asyncio.run(method(**given))
        nulls = given | dict.fromkeys(others)
        assert asyncio.run(named_endpoint(method)(**nulls)) == expected
        order = inspect.signature(method).parameters
        assert asyncio.run(named_endpoint(method)(*(nulls[name] for name in order))) == expected
        assert asyncio.run(server_function(method)(nulls)) == expected


def test_a_needed_argument_that_is_null_is_refused(service):
    for method in service.endpoints:
        if "levels" in inspect.signature(method).parameters:
            with pytest.raises(gr.Error, match="levels must be 28 lists"):
                asyncio.run(named_endpoint(method)(None))


def floats(value):
    if isinstance(value, list):
        return [floats(item) for item in value]
    return float(value) if type(value) is int else value


def test_whole_floats_are_whole_numbers(service):
    """JSON does not tell 7.0 from 7, and some languages write all numbers with a point."""
    for method in service.endpoints:
        given, _ = defaults(method)
        real = {name: floats(value) for name, value in given.items()}
        assert asyncio.run(method(**real)) == asyncio.run(method(**given))


@pytest.mark.parametrize("item", [0.5, float("nan"), float("inf"), True, None, "1", 2.0])
def test_what_is_no_level_is_refused(service, item):
    levels = [row[:] for row in DIGIT]
    levels[3][4] = item
    with pytest.raises(ValueError, match="row 3 holds"):
        asyncio.run(service.trace(levels))


@torch.no_grad()
def test_likelihood_is_what_the_package_says(service):
    model, image = service.models["binary"], torch.tensor(DIGIT)[None, None]
    hand = model.config.freehand
    for rows in (0, 14, None):
        answer = asyncio.run(service.likelihood(DIGIT, rows=rows, freehand=hand))
        upto = SIZE if rows is None else rows
        nats = -model.log_prob(image, freehand=hand)[:, :, :upto].sum()
        assert answer["nats"] == pytest.approx(float(nats), abs=1e-2)
        each = [
            -float(model.log_prob(image, k, freehand=hand)[:, :, :upto].sum()) for k in range(10)
        ]
        assert answer["nats_given_label"] == pytest.approx(each, abs=1e-2)
        typical = pixelcnn.typicality(model, image, rows=upto)
        assert answer["typicality"] == pytest.approx(float(typical), abs=1e-4)


def test_likelihood_without_classes_or_a_reference_says_so_by_null(service):
    (name,) = (name for name, model in service.models.items() if not model.num_classes)
    answer = asyncio.run(service.likelihood(DIGIT, model=name))
    assert answer["nats"] > 0
    assert answer["nats_given_label"] is answer["typicality"] is None


@pytest.mark.skipif(not launch_options()["mcp_server"], reason="needs the extra mcp")
def test_tools_of_agents_answer_in_json():
    from mcp import types

    tools = SimpleNamespace(types=types)
    answer_in_json(tools)
    answer = {"labels": None, "freehand": False, "nats": [1.5], "model": "it's"}
    (content,) = tools.postprocess_output_data([answer], "http://here")
    assert json.loads(content.text) == answer


def asked(path, *, root="", headers=(), method="GET"):
    """What the preview's middleware answers before an application that says one thing."""
    sent = []

    async def application(scope, receive, send):
        start = {"type": "http.response.start", "status": 200, "headers": [*headers]}
        await send(start)
        await send(
            {"type": "http.response.body", "body": b"" if method == "HEAD" else b"<head></head>"}
        )

    async def send(message):
        sent.append(message)

    async def receive():
        await asyncio.Event().wait()  # a client that neither sends more nor leaves

    options = next(m for m in launch_options()["app_kwargs"]["middleware"] if m.cls is PreviewTags)
    middleware = PreviewTags(application, **options.kwargs)
    scope = {
        "type": "http",
        "method": method,
        "path": root + path,
        "root_path": root,
        "scheme": "http",
        "headers": [(b"host", b"digits.example")],
    }
    asyncio.run(middleware(scope, receive, send))
    body = b"".join(message.get("body", b"") for message in sent[1:])
    return sent[0], body


@pytest.mark.parametrize("root", ["", "/digits"])
def test_the_picture_of_a_link_has_an_address_without_paths_of_the_server(root):
    html = (b"content-type", b"text/html")
    _, page = asked("/", root=root, headers=[html])
    address = f"http://digits.example{root}/preview.png"
    assert page.count(f'content="{address}"'.encode()) == 2
    assert str(WEB).encode() not in page
    start, picture = asked("/preview.png", root=root)
    assert start["status"] == 200
    assert (b"content-type", b"image/png") in start["headers"]
    assert picture == (WEB / "preview.png").read_bytes()


def test_headers_that_repeat_are_all_passed_on():
    cookies = [(b"set-cookie", b"a=1"), (b"set-cookie", b"b=2")]
    length = (b"content-length", b"13")
    start, body = asked("/", headers=[*cookies, (b"content-type", b"text/html"), length])
    assert [pair for pair in start["headers"] if pair[0] == b"set-cookie"] == cookies
    lengths = [value for name, value in start["headers"] if name == b"content-length"]
    assert lengths == [str(len(body)).encode()]


def test_a_head_request_says_no_false_length():
    length = (b"content-length", b"13")
    start, _ = asked("/", headers=[(b"content-type", b"text/html"), length], method="HEAD")
    assert not any(name == b"content-length" for name, _ in start["headers"])
