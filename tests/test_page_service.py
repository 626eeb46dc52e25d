"""What stands behind the page: pictures, animations, the receptive field, refusals, the executor."""

import asyncio
import base64
import io
import threading

import numpy as np
import pytest
import torch
from PIL import Image

import pixelcnn
from pixelcnn.density.receptive_field import receptive_field
from pixelcnn.sampling.sampler import Sampler
from pixelcnn.ui import answers
from pixelcnn.ui.about import describe
from pixelcnn.ui.animation import gif
from pixelcnn.ui.endpoints import server_function
from pixelcnn.ui.executor import Busy, ModelExecutor
from pixelcnn.ui.pictures import read_picture
from pixelcnn.ui.service import PRESETS, Service, _best_tops
from tests.page_server import picture_of_a_one, tiny_models

SIZE = 28
BLANK = [[0] * SIZE] * SIZE


def encoded(data):
    return base64.b64encode(data).decode()


@pytest.mark.parametrize(
    ("ink", "paper", "kind"),
    [("black", "white", "PNG"), ("white", "black", "JPEG"), ("navy", "wheat", "WEBP")],
)
def test_a_picture_is_centred_as_mnist_was(ink, paper, kind):
    image = np.array(read_picture(encoded(picture_of_a_one(ink, paper, kind)), 28, 28))
    rows, columns = np.nonzero(image > 128)
    assert rows.max() - rows.min() + 1 == 20
    assert (rows.min() + rows.max()) / 2 == pytest.approx(13.5, abs=0.5)
    assert (columns.min() + columns.max()) / 2 == pytest.approx(13.5, abs=0.5)


def test_a_transparent_picture_stands_on_white():
    picture = Image.new("RGBA", (40, 40))
    picture.paste("black", (18, 4, 22, 36))
    file = io.BytesIO()
    picture.save(file, "PNG")
    assert np.array(read_picture(encoded(file.getvalue()), 28, 28)).max() == 255


def blank_png(width, height):
    file = io.BytesIO()
    Image.new("1", (width, height)).save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (encoded(b"a text named .png"), "not a picture"),
        ("§", "not a picture"),
        (None, "must be base64"),
        (["x"], "must be base64"),
        ("A" * 17_000_000, "at most 12 MB"),
        (encoded(blank_png(20_000, 10_000)), "at most 50 million pixels"),
        (encoded(blank_png(9_000, 8_000)), "at most 50 million pixels"),
        (encoded(blank_png(9, 9)), "blank"),
        (encoded(picture_of_a_one()[:150]), "damaged"),
    ],
)
def test_what_is_no_picture_of_a_digit_is_refused_in_a_sentence(data, sentence):
    with pytest.raises(ValueError, match=sentence):
        read_picture(data, 28, 28)


def test_the_animation_ends_with_the_digit_and_starts_with_what_was_given():
    torch.manual_seed(0)
    levels = torch.randint(4, (28, 28))
    file = base64.b64decode(gif(levels, 4, rows=14))
    assert len(file) < 1_000_000
    with Image.open(io.BytesIO(file)) as picture:
        assert picture.n_frames == 1 + int((levels[14:] > 0).sum())
        first = np.array(picture.convert("L"))
        picture.seek(picture.n_frames - 1)
        last = np.array(picture.convert("L"))
    assert (first[14 * 8 :] == 255).all()
    assert ((last[4::8, 4::8] < 255) == (levels > 0).numpy()).all()


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


def test_a_model_without_classes_starts_from_the_digits_of_one_with_them():
    torch.manual_seed(0)
    configs = {
        "plain": pixelcnn.ModelConfig(inner_dim=4, dilations=(1,)),
        "grays": pixelcnn.ModelConfig(
            inner_dim=4, dilations=(1,), num_classes=10, levels=4, likelihood="categorical"
        ),
        "digits": pixelcnn.ModelConfig(inner_dim=4, dilations=(1,), num_classes=10),
    }
    models = {name: pixelcnn.PixelCNN(config).eval() for name, config in configs.items()}
    service = Service(models, ModelExecutor())
    plain, digits = (asyncio.run(service.presets(name)) for name in ("plain", "digits"))
    assert plain == digits
    assert plain["model"] == "digits"
    assert len(plain["levels"]) == len(PRESETS)


@pytest.mark.parametrize("name", ["binary", "gray"])
def test_answers_do_not_depend_on_drawings_before(name):
    model = tiny_models()[name].double()
    settings = {"count": 4, "label": None, "freehand": False, "temperature": 1.0, "seed": 3}
    image, sampler = torch.zeros(1, 1, SIZE, SIZE, dtype=torch.long), Sampler(model)
    for row in (4, 9, 6, 9, 2):  # a pen that moves
        image[0, 0, row, 5 + row] = 1
        for rows in (14, 11):
            answer, alone = (
                answers.complete(name, each, image, rows=rows, distinct=False, **settings)
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
        answer = answers.complete(name, Sampler(model), image, rows=14, label=label, **settings)
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


def test_presets_have_their_ink_in_the_top_half():
    top, low, none = torch.zeros(3, 4, 4, dtype=torch.long)
    top[1], low[3] = 1, 1
    tries = [low, top, none, top, low, low, none, low, none]
    tops = _best_tops([each.tolist() for each in tries])
    assert tops == [top.tolist(), top.tolist(), none.tolist()]


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


def test_results_are_shown_where_the_folder_has_them(tmp_path):
    model = tiny_models()["binary"]
    assert describe(model, tmp_path)["metrics"] is None
    assert describe(model, tmp_path)["freehand"] is True
    assert describe(tiny_models()["gray"], tmp_path)["freehand"] is False
    (tmp_path / "metrics.json").write_text('{"nats_per_image": 55.5}')
    losses = {"train_nats_per_image": 60.5, "validation_nats_per_image": 58.5}
    (tmp_path / "log.jsonl").write_text(
        f'{{"epoch": 1, "lr": 0.1, {str(losses)[1:]}\n'.replace("'", '"')
    )
    (tmp_path / "samples-epoch-003.png").touch()
    about = describe(model, tmp_path)
    assert about["metrics"]["nats_per_image"] == 55.5
    assert about["history"] == [{"epoch": 1, **losses}]
    assert about["pictures"][0]["epoch"] == 3
