"""The engine of the page, run in Node, and PyTorch's word on what it draws."""

import functools
import json
import shutil
import subprocess
from pathlib import Path

import pytest
import torch

import pixelcnn
from pixelcnn.config import ModelConfig

WEB = Path(__file__).resolve().parent.parent / "web" / "engine"
SCRIPT = Path(__file__).with_name("engine_node.mjs")

needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="There is no node here.")


def ask(folder, *requests, timeout_s=600):
    """The engine's answers, with the model of a folder."""
    command = ["node", str(SCRIPT), str(folder)]
    run = subprocess.run(
        command, input=json.dumps(requests), capture_output=True, text=True, timeout=timeout_s
    )
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


def conditions(config):
    """Every (label, freehand) that a network may be told."""
    hands = (False, True) if getattr(config, "freehand", False) else (False,)
    labels = range(config.num_classes) if config.num_classes else (None,)
    return [(label, hand) for hand in hands for label in labels]


def hand(config, freehand):
    """The keyword for a model that knows two hands, and nothing for others."""
    return {"freehand": freehand} if getattr(config, "freehand", False) else {}


def draw(model, *, levels, rows, count, freehand, **settings):
    """PyTorch's samples: completions of `levels` (1, C, H, W), or whole digits where no rows are given."""
    settings |= hand(model.config, freehand)
    if rows:
        return pixelcnn.complete(model, levels, rows=rows, count=count, **settings)
    return pixelcnn.generate(model, count, **settings)


def count_equal(model, samples, drawn, *, indices, levels, **settings):
    """How many digits of the engine are PyTorch's; the others must differ by the documented rule.

    That is: a uniform lies within 1e-5 of a boundary, of a pixel's CDF or of that of the classes.
    """
    c = model.config
    count, rows = settings["count"], settings["rows"]
    generator = torch.Generator().manual_seed(settings["seed"])
    uniforms = torch.rand(count, c.in_channels, c.height, c.width, generator=generator)
    dice = torch.rand(count, 1, generator=generator)
    equal = 0
    for index, digit in zip(indices, drawn, strict=True):
        label = None if samples.label is None else int(samples.label[index])
        if digit["label"] != label:
            posterior = torch.full((c.num_classes,), 1 / c.num_classes)
            if rows:
                posterior = pixelcnn.digit_posterior(
                    model, levels, rows=rows, **hand(c, settings["freehand"])
                )[0]
            assert (posterior.cumsum(0)[:-1] - dice[index]).abs().min() < 1e-5, index
            continue
        ours = torch.tensor(digit["levels"]).view(samples.levels.shape[1:])
        theirs = samples.levels[index]
        assert ours[:, :rows].equal(theirs[:, :rows])
        different = (ours != theirs).any(0).flatten().nonzero()
        if not len(different):
            equal += 1
            sums = [float(each[index].sum()) for each in (samples.log_prob, samples.entropy)]
            assert digit["sums"][:2] == pytest.approx(sums, abs=1e-3), index
            assert digit["sums"][2] == pytest.approx(float(samples.expected[index].sum()), abs=1e-3)
            continue
        i, j = divmod(int(different[0]), c.width)
        assert settings["temperature"] > 0, (index, i, j)
        with torch.no_grad():
            logits = model(theirs[None], label, **hand(c, settings["freehand"]))[0, :, i, j]
        cdf = model.likelihood.cdf(logits, settings["temperature"])
        near = (cdf - uniforms[index, :, i, j, None]).abs().amin(-1) < 1e-5
        assert near[ours[:, i, j] != theirs[:, i, j]].all(), (index, i, j)
    return equal


@functools.cache
def is_two_stacked():
    """Whether gated models have the two stacks that the engine computes."""
    return "horizontal_dim" in ModelConfig.__dataclass_fields__
