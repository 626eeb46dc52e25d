"""The mean of weights, and what is recorded of it."""

import pytest
import torch

from pixelcnn.config import TrainConfig
from pixelcnn.store.folder import load_folder, save, sha256
from pixelcnn.store.stages import Origin, Result, Stage, read_stages, write_stages
from pixelcnn.training.mean import mean_weights
from tests.toys import exactly, toy_config, wild_model


def model_in(folder, seed, before=(), origins=()):
    """A model of its own, and its record."""
    save(wild_model(toy_config(), seed=seed, dtype=torch.float32), folder)
    stage = Stage(
        origins=origins,
        settings=TrainConfig(seed=seed).to_dict(),
        model=None,
        epochs=50,
        results=(Result(sha256=sha256(folder), epoch=50),),
    )
    write_stages((*before, stage), folder)
    return (*before, stage)


def test_a_mean_is_a_mean_and_tells_of_what(tmp_path):
    a, b, c, mean = (tmp_path / name for name in "abcm")
    first = model_in(a, 0)
    second = model_in(b, 1, first, (Origin(sha256=sha256(a), stage=1),))
    third = model_in(c, 2, first, (Origin(sha256=sha256(a), stage=1),))
    mean_weights({b: 0.25, c: 0.75}, mean)
    weights = [dict(load_folder(folder).named_parameters()) for folder in (b, c, mean)]
    for name, weight in weights[2].items():
        torch.testing.assert_close(weight, 0.25 * weights[0][name] + 0.75 * weights[1][name])
    stages = read_stages(mean)
    assert stages[:3] == (first[0], second[1], third[1])
    assert stages[3].origins == (
        Origin(sha256=sha256(b), stage=2, share=0.25),
        Origin(sha256=sha256(c), stage=3, share=0.75),
    )
    assert stages[3].results == (Result(sha256=sha256(mean)),)


def test_a_mean_of_what_was_not_recorded_says_so(tmp_path):
    a, b, mean = (tmp_path / name for name in "abm")
    for seed, folder in enumerate((a, b)):
        save(wild_model(toy_config(), seed=seed, dtype=torch.float32), folder)
    mean_weights({a: 0.5, b: 0.5}, mean)
    (stage,) = read_stages(mean)
    assert [origin.stage for origin in stage.origins] == [None, None]
    assert [origin.sha256 for origin in stage.origins] == [sha256(a), sha256(b)]


def test_what_has_no_mean_is_refused(tmp_path):
    a, b, other = (tmp_path / name for name in "abo")
    model_in(a, 0)
    model_in(b, 1)
    save(wild_model(toy_config("residual"), dtype=torch.float32), other)
    with pytest.raises(ValueError, match=exactly("The shares must add up to 1, got 0.9.")):
        mean_weights({a: 0.5, b: 0.4}, tmp_path / "m")
    with pytest.raises(ValueError, match=exactly(f"{other} holds another model than {a}.")):
        mean_weights({a: 0.5, other: 0.5}, tmp_path / "m")
    with pytest.raises(ValueError, match=exactly(f"{b} is there: give a new folder.")):
        mean_weights({a: 0.5, b: 0.5}, b)
