"""What stands behind the endpoints: the receptive field, answers, refusals, the executor."""

import asyncio
import threading

import pytest
import torch

import pixelcnn
from pixelcnn.density.receptive_field import receptive_field
from pixelcnn.sampling.sampler import Sampler
from pixelcnn.ui import answers
from pixelcnn.ui.endpoints import server_function
from pixelcnn.ui.executor import Busy, ModelExecutor
from pixelcnn.ui.service import Service
from tests.page_server import tiny_models

SIZE = 28
BLANK = [[0] * SIZE] * SIZE


@pytest.mark.parametrize("name", ["gray", "residual"])
def test_the_field_is_where_the_logits_change(name):
    torch.manual_seed(0)
    c = tiny_models()[name].config.to_dict() | {"height": 6, "width": 6}
    model = pixelcnn.PixelCNN(pixelcnn.ModelConfig.from_dict(c)).double().eval()
    field = torch.tensor(receptive_field(model))
    levels = torch.randint(model.config.levels, (8, 1, 6, 6))  # a ReLU may hide a pixel in some
    label = 0 if model.num_classes else None
    row, column = 4, 3
    for i in range(6):
        for j in range(6):
            other = levels.clone()
            other[..., i, j] = (other[..., i, j] + 1) % model.config.levels
            change = (model(levels, label) - model(other, label))[..., row, column, :].abs().max()
            if i > row or (i == row and j >= column):
                assert change == 0
            else:
                assert bool(change > 0) == bool(field[row - i, j - column + 5]), (i, j)


def test_the_residual_architecture_has_a_blind_spot():
    field = torch.tensor(receptive_field(tiny_models()["residual"]))
    assert field[1, 27] == 1
    assert field[1, -1] == 0
    assert field[0, 27:].sum() == 0


@pytest.mark.parametrize("request_", [None, [], "x", {"counts": 3}, {"count": [1]}, {"count": {}}])
def test_a_server_function_refuses_what_does_not_fit(request_):
    service = Service(tiny_models(), ModelExecutor())
    answer = asyncio.run(server_function(service.sample)(request_))
    assert answer["error"].endswith(".")
    assert answer["busy"] is False


@pytest.mark.parametrize("name", ["binary", "gray"])
def test_answers_do_not_depend_on_drawings_before(name):
    model = tiny_models()[name].double()
    settings = {"count": 4, "label": None, "freehand": False, "temperature": 1.0, "seed": 3}
    image, sampler = torch.zeros(1, 1, SIZE, SIZE, dtype=torch.long), Sampler(model)
    for row in (4, 9, 6, 9, 2):  # a pen that moves
        image[0, 0, row, 5 + row] = 1
        for rows in (14, 11):
            answer, alone = (
                answers.complete(name, each, image, part={"rows": rows}, distinct=False, **settings)
                for each in (sampler, Sampler(model))
            )
            assert answer == alone


@pytest.mark.parametrize("name", ["binary", "residual"])
def test_an_answer_computes_the_posterior_once(name, monkeypatch):
    model, calls = tiny_models()[name], []
    class_log_prob = type(model).class_log_prob

    def counted(self, levels, **options):
        calls.append(levels)
        return class_log_prob(self, levels, **options)

    monkeypatch.setattr(type(model), "class_log_prob", counted)
    settings = {"count": 4, "temperature": 0.0, "seed": 3, "distinct": True, "freehand": False}
    image = torch.zeros(1, 1, SIZE, SIZE, dtype=torch.long)
    image[0, 0, 4, 9] = 1
    for label in (None, 7):
        calls.clear()
        answer = answers.complete(
            name, Sampler(model), image, part={"rows": 14}, label=label, **settings
        )
        assert len(calls) == 1
        assert sum(answer["posterior"]) == pytest.approx(1, abs=1e-3)


def test_each_hand_is_a_model_of_its_own():
    service = Service(tiny_models(), ModelExecutor())
    for method, settings in (
        (service.sample, {"count": 4, "label": 3, "seed": 1}),
        (service.complete, {"levels": BLANK, "rows": 2, "count": 4, "seed": 1}),
        (service.trace, {"levels": BLANK, "label": 3}),
        (service.posterior, {"levels": BLANK}),
    ):
        told, mnist, anyone = (
            asyncio.run(method(**settings, **hand))
            for hand in ({}, {"freehand": False}, {"freehand": True})
        )
        assert told == mnist
        assert anyone != mnist
        if method != service.posterior:
            assert (mnist.pop("freehand"), anyone.pop("freehand")) == (False, True)
            assert anyone != mnist
        sentence = "This model knows MNIST's hand only: freehand must be false."
        with pytest.raises(ValueError, match=sentence):
            asyncio.run(method(**settings, freehand=True, model="residual"))


def test_the_executor_turns_away_what_does_not_fit():
    executor = ModelExecutor(limit=1)
    done = threading.Event()

    async def overload():
        first = asyncio.create_task(executor.run(done.wait))
        await asyncio.sleep(0)
        with pytest.raises(Busy, match="busy: try again"):
            await executor.run(done.wait)
        done.set()
        await first
        return await executor.run(lambda: "there is room again")

    assert asyncio.run(overload()) == "there is room again"


def test_models_are_loaded_and_run_by_one_thread():
    executor = ModelExecutor()
    loaded_by = executor.wait_for(threading.current_thread)
    assert loaded_by is not threading.current_thread()
    assert asyncio.run(executor.run(threading.current_thread)) is loaded_by
