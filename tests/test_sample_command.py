"""`python -m pixelcnn.sample`: digits into a picture."""

import pytest
import torch
from PIL import Image

import pixelcnn
from pixelcnn import sample
from pixelcnn.store.folder import save
from pixelcnn.store.grid import grid
from tests.toys import toy_config, wild_model


@pytest.fixture
def model(tmp_path):
    model = wild_model(toy_config(num_classes=3))
    save(model, tmp_path / "model")
    return model


def picture(path, *flags):
    out = path / "samples.png"
    sample.main([str(path / "model"), "--out", str(out), "--seed", "4", *flags])
    with Image.open(out) as opened:
        return opened.convert("L").tobytes()


def test_the_picture_shows_what_the_package_draws(model, tmp_path, capsys):
    drawn = pixelcnn.generate(model, 5, 1, seed=4)
    expected = grid(drawn.levels, model.config.levels)
    assert picture(tmp_path, "--count", "5", "--label", "1") == expected.convert("L").tobytes()
    assert "seed 4" in capsys.readouterr().out


def test_each_digit_is_the_most_probable_of_several(model, tmp_path):
    drawn = pixelcnn.generate(model, 6, seed=4)
    nats = drawn.log_prob.sum((1, 2, 3))
    chosen = [int(nats[:3].argmax()), 3 + int(nats[3:].argmax())]
    expected = grid(drawn.levels[torch.tensor(chosen)], model.config.levels)
    assert picture(tmp_path, "--count", "2", "--best", "3") == expected.convert("L").tobytes()


@pytest.mark.parametrize(
    "flags", [["--count", "0"], ["--best", "0"], ["--label", "9"], ["--threads", "0"]]
)
def test_flags_that_do_not_fit_are_one_sentence(model, tmp_path, flags):
    with pytest.raises(SystemExit, match=r"must be .*\.$"):
        picture(tmp_path, *flags)
