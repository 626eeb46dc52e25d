"""The endpoints as a program sees them, through the real server."""

import math
import subprocess
import sys

import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError

import pixelcnn
from pixelcnn.ui.executor import ModelExecutor
from pixelcnn.ui.service import Service
from tests.page_server import server_url, tiny_models

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


def test_a_trace_adds_up_to_the_nats_of_the_digit(client):
    digit = client.predict(count=1, seed=2, api_name="/sample")
    trace = client.predict(digit["levels"][0], label=digit["labels"][0], api_name="/trace")
    total = sum(map(sum, trace["nats"]))
    assert total == pytest.approx(digit["nats"][0], abs=0.05)
    assert len(trace["digits"]) == SIZE + 1
    assert trace["digits"][0] == pytest.approx([0.1] * 10, abs=1e-3)


def test_the_trace_ends_with_the_posterior_of_all_rows(client):
    trace = client.predict(BLANK, api_name="/trace")
    answer = client.predict(BLANK, rows=SIZE, api_name="/posterior")
    assert trace["digits"][-1] == pytest.approx(answer["posterior"], abs=1e-3)
    assert trace["label"] == max(range(10), key=answer["posterior"].__getitem__)


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
        ("/complete", {"levels": BLANK, "rows": 29}, "rows must be a whole number from 0 to 28"),
        ("/posterior", {"levels": BLANK, "model": "gray"}, "no classes"),
    ],
)
def test_bad_input_is_refused_in_a_sentence(client, endpoint, arguments, sentence):
    with pytest.raises(AppError, match=sentence):
        client.predict(**arguments, api_name=endpoint)


def test_temperature_must_be_finite(models):
    service = Service(models, ModelExecutor())
    with pytest.raises(ValueError, match="got nan"):
        service.sample(temperature=math.nan).send(None)


def test_the_page_needs_a_model():
    with pytest.raises(ValueError, match="at least one model"):
        Service({}, ModelExecutor())


def test_importing_the_app_needs_neither_torchvision_nor_matplotlib():
    code = "import sys, app; print(sorted({'torchvision', 'matplotlib'} & set(sys.modules)))"
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "[]"
