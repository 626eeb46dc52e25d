"""A seed keeps its digits: on any threads, in any batch, beside anything, by any instructions, anywhere."""

import asyncio
import json
import os
import subprocess
import sys

import numpy as np
import pytest
import torch

import pixelcnn
from bench import determinism
from pixelcnn.devices import one_thread_workers
from pixelcnn.sampling.blank import BlankRows
from pixelcnn.sampling.draft import Draft
from pixelcnn.sampling.sampler import Sampler
from pixelcnn.ui.executor import ModelExecutor
from pixelcnn.ui.service import Service
from tests.engine import ask, needs_node
from tests.engine_wasmtime import WasmtimeEngine
from tests.golden_digits import NAMES, SEEDS, WEIGHTS, path, text
from tests.page_server import models_folder, tiny_models

SIZE = 28
HANDS = {"binary": (False, True), "residual": (False,)}
models = pytest.mark.parametrize("name", NAMES)


def golden_in_a_batch(name, batch):
    """The golden digits of a model as text, drawn in the middle of a batch of others."""
    model = pixelcnn.load(WEIGHTS / name)
    sampler, shape = Sampler(model), (1, 1, SIZE, SIZE)
    lines = []
    for freehand in HANDS[name]:
        numbers, labels = [], []
        for seed in SEEDS[name]:
            alone = sampler.generate(1, seed=seed, freehand=freehand)
            numbers.append(torch.rand(shape, generator=torch.Generator().manual_seed(seed)))
            labels.append(alone.label)
        others = batch - len(numbers)
        generator = torch.Generator().manual_seed(batch)
        numbers.insert(2, torch.rand(others, 1, SIZE, SIZE, generator=generator))
        label = None
        if model.num_classes:
            labels.insert(2, torch.arange(others) % model.num_classes)
            label = torch.cat(labels)
        drawn = sampler.draw(
            Draft(
                levels=torch.zeros(batch, 1, SIZE, SIZE, dtype=torch.long),
                uniforms=torch.cat(numbers),
                condition=model.condition(label, freehand, batch),
            )
        )
        for place, seed in zip((0, 1, batch - 2, batch - 1), SEEDS[name], strict=True):
            told = None if label is None else int(label[place])
            lines.append(text(seed, freehand, told, drawn.levels[place, 0]))
    return "".join(lines)


@models
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("batch", [7, pytest.param(64, marks=pytest.mark.slow)])
def test_golden_digits_are_the_same_in_a_batch_and_on_two_threads(name, batch, threads):
    with one_thread_workers(1) as pool:

        def run():
            torch.set_num_threads(threads)
            return golden_in_a_batch(name, batch)

        assert pool.submit(run).result() == path(name).read_text(encoding="utf-8")


DRAW = """
import json
import sys
import torch
from tests.golden_digits import NAMES, draw
assert torch.backends.cpu.get_cpu_capability() == sys.argv[1]
print(json.dumps({name: draw(name) for name in NAMES}))
"""
CAPABILITIES = {
    "default": ("DEFAULT", None),
    "avx2": ("AVX2", "avx2"),
    "avx512": ("AVX512", "avx512_f"),
}


@pytest.mark.slow
@pytest.mark.parametrize("capability", CAPABILITIES)
def test_golden_digits_are_the_same_by_other_instructions(capability):
    called, needs = CAPABILITIES[capability]
    if needs and not torch.cpu.get_capabilities().get(needs):
        pytest.skip(f"This processor has no {capability}.")
    drawn = subprocess.run(
        [sys.executable, "-c", DRAW, called],
        env={**os.environ, "ATEN_CPU_CAPABILITY": capability},
        capture_output=True,
        text=True,
        check=True,
    )
    kept = {name: path(name).read_text(encoding="utf-8") for name in NAMES}
    assert json.loads(drawn.stdout) == kept


@needs_node
@models
def test_node_draws_the_golden_digits(name):
    requests = [
        {"kind": "draw", "rows": 0, "count": 1, "indices": [0], "label": None, "temperature": 1}
        | {"seed": seed, "freehand": freehand}
        for freehand in HANDS[name]
        for seed in SEEDS[name]
    ]
    lines = [
        text(
            request["seed"],
            request["freehand"],
            digit["label"],
            np.reshape(digit["levels"], (SIZE, SIZE)),
        )
        for request, (digit,) in zip(requests, ask(WEIGHTS / name, *requests), strict=True)
    ]
    assert "".join(lines) == path(name).read_text(encoding="utf-8")


@models
def test_wasmtime_draws_the_golden_digits(name):
    model = pixelcnn.load(WEIGHTS / name)
    engine, lines = WasmtimeEngine(model), []
    for freehand in HANDS[name]:
        for seed in SEEDS[name]:
            label = Sampler(model).generate(1, seed=seed, freehand=freehand).label
            told = None if label is None else int(label)
            condition = model.condition(label, freehand, 1)
            levels, _ = engine.draw(0 if condition is None else int(condition), seed, 0)
            lines.append(text(seed, freehand, told, levels[0]))
    assert "".join(lines) == path(name).read_text(encoding="utf-8")


def test_an_answer_is_the_same_alone_and_beside_other_requests():
    service = Service(tiny_models(), ModelExecutor())
    bar = [[int(j == 9) for j in range(SIZE)] for _ in range(SIZE)]

    def calls():
        for seed in range(3):
            for model in service.models:
                yield service.sample(count=1 + 3 * seed, seed=seed, model=model)
                yield service.complete(bar, rows=14, count=8, seed=seed, model=model)
                yield service.trace(bar, model=model)

    async def together():
        return await asyncio.gather(*calls())

    assert asyncio.run(together()) == [asyncio.run(call) for call in calls()]


@pytest.mark.slow
@needs_node
def test_every_way_draws_the_digits_of_the_reference():
    ways = {name: way for name, way in determinism.WAYS.items() if determinism.possible(way)}
    assert {"2 threads", "batches of 1", "without vectors", "engine"} <= ways.keys()
    counts, near = determinism.compare(models_folder() / "binary", ways, 64)
    for count in counts.values():
        assert count.digits == 64
        assert count.different <= near <= 8
    assert 0 < counts["without vectors"].moved < 0.1
    assert 0 < counts["engine"].moved < 0.1


def test_two_runs_share_the_digits_of_one():
    def moved(digits, first):
        ways = {"engine": determinism.WAYS["engine"]}
        counts, near = determinism.compare(models_folder() / "binary", ways, digits, first=first)
        return np.array([counts["engine"].digits, near, counts["engine"].moved])

    assert moved(64, 0) + moved(64, 1) == pytest.approx(moved(128, 0))


def test_a_digit_that_differs_must_have_been_drawn_on_a_boundary():
    wanted = np.zeros((2, 1, 4, 4), np.uint8)
    found, margins = wanted.copy(), np.full(wanted.shape, 0.5)
    assert determinism.count_different(found, wanted, margins) == 0
    found[1, 0, 2, 1:] = 1
    margins[1, 0, 2, 1] = 1e-7
    assert determinism.count_different(found, wanted, margins) == 1
    margins[1, 0, 2, 1] = 1e-4
    with pytest.raises(AssertionError, match=r"pixel \(2, 1\) differs, 0.0001 from a boundary"):
        determinism.count_different(found, wanted, margins)


def test_what_was_asked_before_changes_no_bit_of_the_blank_rows():
    model = pixelcnn.load(WEIGHTS / "binary")
    first, second = BlankRows(model), BlankRows(model)
    conditions = torch.arange(model.config.num_conditions)
    with torch.inference_mode():
        for alone in conditions:
            first.index(alone[None], 1)
        second.index(conditions, len(conditions))
    for one, other in zip(
        (first.logits, *first.features), (second.logits, *second.features), strict=True
    ):
        assert one.equal(other)
