"""The engine of the page, run in Node, and PyTorch's word on what it draws."""

import atexit
import functools
import json
import shutil
import subprocess
import threading
from pathlib import Path

import pytest
import torch

import pixelcnn

WEB = Path(__file__).resolve().parent.parent / "web" / "engine"
SCRIPT = Path(__file__).with_name("engine_node.mjs")

needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="There is no node here.")


TIMEOUT_S = 600  # for one answer


@functools.cache
def node():
    """The process that answers `ask`, the same for all tests."""
    process = subprocess.Popen(
        ["node", SCRIPT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    atexit.register(process.communicate)  # its input ends, and so does it
    return process


def ask(folder, *requests):
    """The engine's answers, with the model of a folder."""
    process = node()
    alarm = threading.Timer(TIMEOUT_S, process.kill)
    alarm.start()
    process.stdin.write(json.dumps({"folder": str(folder), "requests": requests}) + "\n")
    process.stdin.flush()
    answer = process.stdout.readline()
    alarm.cancel()
    if not answer:
        node.cache_clear()
        raise RuntimeError(f"node stopped with {process.wait()}; see its output")
    return json.loads(answer)


def conditions(config):
    """Every (label, freehand) that a network may be told."""
    labels = range(config.num_classes) if config.num_classes else (None,)
    return [(label, freehand) for freehand in hands(config) for label in labels]


def hands(config):
    """Every `freehand` that a network may be told."""
    return (False, True) if config.freehand else (False,)


def draw(model, *, levels, rows, count, freehand, **settings):
    """PyTorch's samples: completions of `levels` (1, C, H, W), or whole digits where no rows are given."""
    settings["freehand"] = freehand
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
                    model, levels, rows=rows, freehand=settings["freehand"]
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
            logits = model(theirs[None], label, freehand=settings["freehand"])[0, :, i, j]
        cdf = model.likelihood.cdf(logits, settings["temperature"])
        near = (cdf - uniforms[index, :, i, j, None]).abs().amin(-1) < 1e-5
        assert near[ours[:, i, j] != theirs[:, i, j]].all(), (index, i, j)
    return equal


def compare_draws(folder, model, count, given, *, temperature=1.0):
    """Digits and completions, in every hand, with labels given and drawn: how many are equal, of all."""
    c = model.config
    indices = range(count)
    cases, wanted = [], []
    for freehand in hands(c):
        for rows in (0, c.height // 2):
            for label in (None, 1) if c.num_classes else (None,):
                case = {
                    "rows": rows,
                    "count": count,
                    "label": label,
                    "freehand": freehand,
                    "temperature": temperature,
                    "seed": 7 + rows,
                }
                cases.append(case)
                wanted.append(draw(model, levels=given, **case))
    requests = [
        {"kind": "draw", "indices": list(indices), "levels": given.flatten().tolist(), **case}
        for case in cases
    ]
    equal = [
        count_equal(model, samples, drawn, indices=indices, levels=given, **case)
        for case, samples, drawn in zip(cases, wanted, ask(folder, *requests), strict=True)
    ]
    return sum(equal), len(cases) * count
