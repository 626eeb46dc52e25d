"""The count of multiply-adds against PyTorch's own counter."""

import json
import sys

import pytest
import torch

from bench.arithmetic import count, main
from bench.nats_and_products import PAGE, read_runs
from pixelcnn.config import ModelConfig
from pixelcnn.density.model import PixelCNN
from pixelcnn.density.networks import GatedNetwork
from pixelcnn.density.outliers import mean_embeddings
from pixelcnn.density.typicality import measure_reference
from pixelcnn.store.folder import TYPICALITY, save
from tests.toys import exactly, random_levels

FIELDS = {"inner_dim": 6, "horizontal_dim": 5, "dilations": (1, 2, 4), "num_classes": 3}


def counted(config, conditions):
    """Multiply-adds of one dense pass of one image, as PyTorch counts them."""
    from torch.utils.flop_counter import FlopCounterMode  # seconds to import

    model, levels = PixelCNN(config).eval(), random_levels(config, 1)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model.conditional_logits(levels, torch.arange(conditions))
    return counter.get_total_flops() // 2


@pytest.mark.slow
@pytest.mark.parametrize("class_from", [0, 1, 3])
@pytest.mark.parametrize("levels", [2, 4])
def test_the_count_is_that_of_the_counter(levels, class_from):
    likelihood = "bernoulli" if levels == 2 else "categorical"
    config = ModelConfig(**FIELDS, class_from=class_from, levels=levels, likelihood=likelihood)
    each, size = count(config), config.height * config.width
    # PyTorch computes a row more of the first vertical layer, and a column more of the first horizontal one.
    row = config.width * 21 * config.inner_dim
    column = config.height * GatedNetwork.LEFT * config.horizontal_dim
    # The coordinates are the same for all images: a sampler multiplies them once.
    further = row + column + size * 2 * config.inner_dim
    assert counted(config, 1) == size * (each.vertical + each.horizontal) + further
    # Classes share what does not know them, in a dense pass the first horizontal layer too.
    first = GatedNetwork.LEFT * config.horizontal_dim
    known = each.vertical - each.shared + each.horizontal - first
    assert counted(config, 3) == size * (each.shared + 3 * known + first) + further


def test_what_is_no_digit_is_read_as_one_class_more(tmp_path, monkeypatch, capsys):
    model = PixelCNN(ModelConfig(**FIELDS)).eval()
    save(model, tmp_path)
    monkeypatch.setattr(sys, "argv", ["arithmetic", str(tmp_path)])
    figures = []
    for outliers in (None, {}, mean_embeddings(model)):
        if outliers is not None:
            reference = measure_reference(
                model, [random_levels(model.config, 2)], outliers=outliers
            )
            reference.save(tmp_path / TYPICALITY)
        main()
        figures.append(json.loads(capsys.readouterr().out.splitlines()[-1])[str(tmp_path)])
    assert figures[0] == figures[1]
    each = count(model.config)
    more = 28 * 14 * (each.vertical - each.shared + each.horizontal)
    assert figures[2] == figures[0] | {"posterior": figures[0]["posterior"] + more}


def test_only_gated_models_are_counted():
    with pytest.raises(ValueError, match=exactly("Only gated models are counted, got residual.")):
        count(ModelConfig(architecture="residual"))


def test_the_picture_of_nats_and_products_shows_the_whole_table():
    runs = read_runs(PAGE.read_text(encoding="utf-8"))
    assert len(runs) == PAGE.read_text(encoding="utf-8").count("\n| ") - 2  # head and rule
    assert runs[0].answer == pytest.approx(5.87)
    assert runs[0].nats == 59.15
    with pytest.raises(ValueError, match="no table of runs"):
        read_runs("| a | b |\n| --- | --- |")
