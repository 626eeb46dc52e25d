"""The page's engine against PyTorch: conditionals, digits, posteriors, random numbers, and its own bytes."""

import importlib.util
import itertools
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import safetensors.torch
import torch

import pixelcnn
from pixelcnn.density.outliers import mean_embeddings
from pixelcnn.density.typicality import measure_reference
from pixelcnn.sampling.sampler import Sampler
from pixelcnn.store.folder import CONFIG, WEIGHTS, save
from pixelcnn.ui.answers import complete
from tests.engine import WEB, ask, compare_draws, conditions, hands, needs_node
from tests.engine_wasmtime import WasmtimeEngine
from tests.toys import random_levels, toy_config, wild_model

SETUPS = list(
    itertools.product(["gated", "residual"], ["bernoulli", "categorical"], [0, 3], [1, 2])
)


def slow(value):
    return pytest.param(value, marks=pytest.mark.slow)


setups = pytest.mark.parametrize("setup", SETUPS, ids=lambda setup: "-".join(map(str, setup)))

FOLDERS = [path.parent for path in sorted(Path("weights").glob("*/config.json"))]
folders = pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.name)


def toy(setup, **fields):
    """A toy in float32, in both hands where there are two, told its class late."""
    architecture, likelihood, num_classes, in_channels = setup
    fields = {"freehand": True, "class_from": 1} | fields
    config = toy_config(
        architecture, likelihood, num_classes=num_classes, in_channels=in_channels, **fields
    )
    return wild_model(config, dtype=torch.float32)


def error_of(logits, right):
    """The largest error of a conditional probability."""
    return (probabilities(logits) - probabilities(right)).abs().max()


def probabilities(logits):
    """(..., P) logits to probabilities, in float64."""
    logits = torch.as_tensor(logits, dtype=torch.float64)
    return logits.sigmoid() if logits.shape[-1] == 1 else logits.softmax(-1)


def compare_conditionals(folder, model, levels):
    """To 1e-5, beyond what PyTorch's own float32 is away from float64."""
    c = model.config
    answers = ask(
        folder,
        *(
            {
                "kind": "logits",
                "levels": levels.flatten().tolist(),
                "label": label,
                "freehand": freehand,
            }
            for label, freehand in conditions(c)
        ),
    )
    exact = pixelcnn.load(folder).double()
    for (label, freehand), answer in zip(conditions(c), answers, strict=True):
        with torch.no_grad():
            right, float32 = (each(levels, label, freehand=freehand) for each in (exact, model))
        ours = torch.tensor(answer["rows"]).view(c.height, c.width, c.in_channels, -1)
        ours = ours.permute(2, 0, 1, 3)[None]  # (1, C, H, W, P)
        assert error_of(ours, right) < 1e-5 + error_of(float32, right)
        likelihood = exact.likelihood
        traces = {
            "logProb": likelihood.log_prob(ours.double(), levels),
            "entropy": likelihood.entropy(ours.double()),
            "expected": likelihood.mean(ours.double()),
        }
        for name, trace in traces.items():
            torch.testing.assert_close(
                torch.tensor(answer[name], dtype=torch.float64),
                trace.flatten(),
                rtol=1e-6,
                atol=1e-6,
            )


@needs_node
@setups
def test_conditionals_of_toys(setup, tmp_path):
    model = toy(setup)
    save(model, tmp_path)
    compare_conditionals(tmp_path, model, random_levels(model.config, 1))


@needs_node
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_conditionals_of_weights_of_another_precision(dtype, tmp_path):
    model = toy(("gated", "bernoulli", 3, 1))
    save(model, tmp_path)
    stored = {name: weight.to(dtype) for name, weight in model.state_dict().items()}
    safetensors.torch.save_file(stored, tmp_path / WEIGHTS)
    loaded = pixelcnn.load(tmp_path)
    compare_conditionals(tmp_path, loaded, random_levels(model.config, 1))


@needs_node
@pytest.mark.parametrize("class_from", [0, 2])
def test_conditionals_wherever_the_class_is_told(class_from, tmp_path):
    model = toy(("gated", "bernoulli", 3, 1), class_from=class_from)
    save(model, tmp_path)
    compare_conditionals(tmp_path, model, random_levels(model.config, 1))


@pytest.mark.slow
@needs_node
@folders
def test_conditionals_of_the_weights(folder):
    model = pixelcnn.load(folder)
    told = {"label": 3} if model.num_classes else {}
    compare_conditionals(folder, model, pixelcnn.generate(model, 1, seed=3, **told).levels)


@needs_node
@setups
@pytest.mark.parametrize("temperature", [1.0, slow(0.6), slow(0)])
def test_digits_of_toys(setup, temperature, tmp_path):
    model = toy(setup)
    save(model, tmp_path)
    given = random_levels(model.config, 1)
    equal, count = compare_draws(tmp_path, model, 20, given, temperature=temperature)
    assert equal >= 0.98 * count


@pytest.mark.slow
@needs_node
@folders
def test_digits_of_the_weights(folder):
    """A few of those that `python -m tests.engine_parity` compares."""
    model = pixelcnn.load(folder)
    given = pixelcnn.generate(model, 1, seed=11).levels
    equal, count = compare_draws(folder, model, 6, given)
    assert equal >= 0.97 * count


@needs_node
@setups
def test_what_was_read_and_what_is_guessed_change_nothing(setup, tmp_path):
    """A drawing that grows, shrinks and changes: the same digits, bit for bit, as by a new engine."""
    model = toy(setup)
    save(model, tmp_path)
    c = model.config
    images = [image.flatten().tolist() for image in random_levels(c, 4)]
    lower = [*images[0]]
    lower[-1] = (lower[-1] + 1) % c.levels
    settings = {
        "kind": "draw",
        "indices": [0, 1],
        "count": 2,
        "label": None,
        "freehand": False,
        "seed": 3,
        "temperature": 1.0,
    }
    requests = [
        settings | {"levels": levels, "rows": rows}
        for levels, rows in itertools.product([images[0], lower, images[1]], [2, 4, 1, 0])
    ]
    guessed = [request | {"guesses": images[2:]} for request in requests]
    together = ask(tmp_path, *requests, *guessed)
    alone = [ask(tmp_path, request)[0] for request in requests[::3]]

    def digits(answers):
        return [[{k: v for k, v in digit.items() if k != "passes"} for digit in a] for a in answers]

    assert digits(together[: len(requests)]) == digits(together[len(requests) :])
    assert digits(together[: len(requests) : 3]) == digits(alone)


@needs_node
@setups
@pytest.mark.parametrize("rows", [0, 2])
def test_the_drafts_of_a_digit_lead_to_it(setup, rows, tmp_path):
    """Every pass sets what it computed to the inverse CDF, and only what was not final."""
    model = toy(setup, height=4, width=19)
    save(model, tmp_path)
    c = model.config
    label = 1 if c.num_classes else None
    given = random_levels(c, 1)
    request = {"kind": "follow", "seed": 6, "count": 3, "index": 1, "label": label, "rows": rows}
    (answer,) = ask(tmp_path, request | {"levels": given.flatten().tolist(), "freehand": False})
    told, drawn = answer["told"], answer["drawn"]
    assert {name: told[name] for name in drawn} == drawn
    shape = (c.in_channels, c.height, c.width)
    rand = torch.rand(3, *shape, generator=torch.Generator().manual_seed(6))
    assert torch.tensor(told["uniforms"]).equal(rand[1].flatten())
    levels = torch.tensor(told["levels"]).view(shape)
    assert [draft["row"] for draft in told["drafts"]] == list(range(rows, c.height))
    columns = corrections = 0
    for draft, logits in zip(told["drafts"], told["logits"], strict=True):
        i = draft["row"]
        row = torch.tensor(draft["guess"]).view(c.in_channels, c.width)
        assert row.equal(levels[:, i - 1] if i else torch.zeros_like(row))
        final = 0
        for each in draft["passes"]:
            before, row = row, torch.tensor(each["levels"]).view(c.in_channels, c.width)
            assert each["from"] == final < each["to"] <= c.width
            changed = (row != before).any(0).nonzero().flatten().tolist()
            assert all(each["from"] <= j < each["to"] for j in changed)
            final = changed[0] + 1 if changed else each["to"]
            columns += each["to"] - each["from"]
            corrections += bool(changed)
        assert row.equal(levels[:, i])
        cdf = model.likelihood.cdf(torch.tensor(logits).view(c.width, c.in_channels, -1), 1.0)
        assert (cdf <= rand[1, :, i].T[..., None]).sum(-1).T.equal(row)
    assert columns == pytest.approx(told["passes"] * c.width)
    assert corrections > 0


@pytest.mark.slow
@needs_node
@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.name)
def test_posteriors(folder):
    model = pixelcnn.load(folder)
    if not model.num_classes:
        pytest.skip(f"{folder.name} has no classes.")
    levels = pixelcnn.generate(model, 2, seed=5).levels
    for freehand in hands(model.config):
        told = {"freehand": freehand}
        for rows in (1, 14, 28):
            answers = ask(
                folder,
                *(
                    {
                        "kind": "posterior",
                        "levels": image.flatten().tolist(),
                        "rows": rows,
                        "freehand": freehand,
                    }
                    for image in levels
                ),
            )
            ours = torch.tensor([answer["posterior"] for answer in answers])
            torch.testing.assert_close(
                ours, pixelcnn.digit_posterior(model, levels, rows=rows, **told), rtol=0, atol=1e-5
            )
            with torch.no_grad():
                nats = -model.log_prob(levels[:, :, :rows], **told).double().sum((1, 2, 3))
            assert [answer["nats"] for answer in answers] == pytest.approx(nats.tolist(), abs=1e-3)


@needs_node
@pytest.mark.parametrize("seed", [0, 1, 123456789, 2**31, 2**32 - 1])
def test_random_numbers_are_those_of_torch(seed, tmp_path):
    save(toy(("residual", "bernoulli", 0, 1)), tmp_path)
    stream = torch.rand(5000, generator=torch.Generator().manual_seed(seed)).tolist()
    # Forwards, back, and on again.
    parts = [(0, 700), (1300, 1000), (624, 10), (4990, 10)]
    answers = ask(
        tmp_path,
        *({"kind": "rand", "seed": seed, "skip": skip, "count": n} for skip, n in parts),
    )
    assert answers == [stream[skip : skip + n] for skip, n in parts]


@needs_node
def test_memory_stays_as_it_is(tmp_path):
    model = toy(("residual", "categorical", 3, 1))
    save(model, tmp_path)
    request = {
        "kind": "draw",
        "indices": list(range(30)),
        "levels": random_levels(model.config, 1).flatten().tolist(),
        "rows": 2,
        "count": 30,
        "label": None,
        "freehand": False,
        "seed": 1,
        "temperature": 1.0,
    }
    memory = {"kind": "memory"}
    answers = ask(tmp_path, request, memory, *[request | {"rows": 1}] * 20, memory)
    assert answers[1] == answers[-1]


def compare_runtimes(folder, model, count):
    """The same bits from wasmtime as from Node: digits, and the sums of their log-probabilities."""
    seed = 2**32 - 5
    request = {
        "kind": "draw",
        "indices": list(range(count)),
        "rows": 0,
        "count": count,
        "label": 2 if model.num_classes else None,
        "freehand": False,
        "seed": seed,
        "temperature": 1.0,
    }
    (by_node,) = ask(folder, request)
    engine = WasmtimeEngine(model)
    for index, digit in enumerate(by_node):
        levels, log_prob = engine.draw(request["label"] or 0, seed, index)
        assert levels.ravel().tolist() == digit["levels"]
        # Added in float64 and in this order, as Node did.
        assert sum(log_prob.ravel().tolist()) == digit["sums"][0]


@needs_node
@setups
def test_wasmtime_computes_the_same_bits_on_toys(setup, tmp_path):
    model = toy(setup)
    save(model, tmp_path)
    compare_runtimes(tmp_path, model, 5)


@pytest.mark.slow
@needs_node
@folders
def test_wasmtime_computes_the_same_bits_on_the_weights(folder):
    compare_runtimes(folder, pixelcnn.load(folder), 2)


# The pool


@pytest.mark.slow
@needs_node
@pytest.mark.parametrize(
    "setup", [("residual", "bernoulli", 3, 1), ("gated", "bernoulli", 3, 1)], ids=lambda s: s[0]
)
def test_the_pool(setup, tmp_path):
    """Node's own tests of it; some answers are compared with Python's."""
    model = toy(setup)
    save(model, tmp_path)
    drawings = random_levels(model.config, 40, seed=2)
    outliers = {
        name: row + torch.linspace(-1, 1, len(row)) for name, row in mean_embeddings(model).items()
    }
    reference = measure_reference(model, [drawings], outliers=outliers)
    reference.save(tmp_path / "typicality.json")
    out = tmp_path / "answers.json"
    run = subprocess.run(
        ["node", "--test", Path(__file__).with_name("engine_pool.mjs")],
        env=os.environ | {"MODEL_FOLDER": str(tmp_path), "ANSWERS_OUT": str(out)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    answers = json.loads(out.read_text())
    compare_trace(model, answers["trace"])
    levels = torch.tensor(answers["trace"]["levels"]).view(1, 1, 4, 5)
    for answer in answers["distinct"]:
        compare_distinct(model, levels, **answer)
    model.reference = reference
    typical = [float(pixelcnn.typicality(model, levels, rows=rows)) for rows in range(5)]
    model.reference = None
    assert answers["typicality"] == pytest.approx(typical, abs=1e-3)
    assert len(set(typical)) > 2


def compare_trace(model, trace):
    levels = torch.tensor(trace["levels"]).view(1, 1, 4, 5)
    with torch.no_grad():
        each = model.class_log_prob(levels)[0].double()  # (classes, C, H, W)
        before = torch.nn.functional.pad(each.flatten(1).cumsum(1), (1, 0))
        label = int(before[:, -1].argmax())
        logits = model(levels, label)
    nats = -each[label]
    nats[:, :1] = 0  # one row is given
    assert trace["label"] == label
    wanted = {
        "digits": before.softmax(0).T,
        "nats": nats,
        "entropy": model.likelihood.entropy(logits),
        "expected": model.likelihood.mean(logits),
    }
    for name, values in wanted.items():
        ours = torch.tensor(trace[name], dtype=torch.float64)
        torch.testing.assert_close(ours, values.flatten().double(), rtol=0, atol=2e-5)


def compare_distinct(model, levels, *, seed, temperature, samples):
    """Which completions differ, how often each was drawn, and of how many nats it is."""
    wanted = complete(
        "toy",
        Sampler(model),
        levels,
        part={"rows": 3},
        count=8,
        label=None,
        freehand=False,
        temperature=temperature,
        seed=seed,
        distinct=True,
    )
    theirs = zip(*(wanted[name] for name in ("levels", "labels", "times", "nats")), strict=True)
    ours = [
        (torch.tensor(each["levels"]).view(4, 5).tolist(), each["label"], each["times"])
        for each in sorted(samples, key=lambda each: each["nats"])
    ]
    assert ours == [each[:3] for each in theirs]
    nats = sorted(each["nats"] for each in samples)
    assert nats == pytest.approx(wanted["nats"], abs=1e-3)


# Refusals


@needs_node
@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"seed": -1}, "seed must be a whole number from 0 to 4294967295, got -1."),
        ({"rows": 5}, "rows must be a whole number from 0 to 4, got 5."),
        ({"label": 3}, "label must be a whole number from 0 to 2, got 3."),
        ({"temperature": -1}, "temperature must be finite and 0 or more, got -1."),
        ({"levels": [2] * 20}, "A drawing must be 20 levels from 0 to 1."),
        ({"freehand": 1}, "freehand must be true or false, got 1."),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_bad_requests_are_refused(changed, sentence, tmp_path):
    save(toy(("residual", "bernoulli", 3, 1)), tmp_path)
    request = {
        "kind": "draw",
        "indices": [0],
        "levels": [0] * 20,
        "rows": 1,
        "count": 1,
        "label": 0,
        "freehand": False,
        "seed": 1,
        "temperature": 1.0,
    }
    fine, refused = ask(tmp_path, request, request | changed)
    assert "refused" not in fine
    assert refused == {"refused": sentence}


def with_offsets(whole, name, offsets):
    """A safetensors file whose header says that a tensor is elsewhere."""
    end = 8 + int.from_bytes(whole[:8], "little")
    header = json.loads(whole[8:end])
    header[name]["data_offsets"] = offsets
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + whole[end:]


@needs_node
def test_damaged_files_are_refused(tmp_path):
    model = toy(("residual", "bernoulli", 0, 1))

    def refusal():
        answer = ask(tmp_path, {"kind": "memory"})
        assert isinstance(answer, dict), "it was taken"
        return answer["refused"]

    save(model, tmp_path)
    whole = (tmp_path / WEIGHTS).read_bytes()
    (tmp_path / WEIGHTS).write_bytes(whole[:-4])
    assert refusal().startswith("The weights hold another model than the config describes: see ")
    (tmp_path / WEIGHTS).write_bytes(b"\xff" * 8 + whole[8:])
    assert refusal() == "The weights are damaged or not safetensors: their header is too large."
    (tmp_path / WEIGHTS).write_bytes(whole[:8] + b"!" + whole[9:])
    assert refusal() == "The weights are damaged or not safetensors: their header is not JSON."

    state = safetensors.torch.load(whole)
    name = "network.head.out.bias"
    safetensors.torch.save_file(state | {name: state[name] * torch.nan}, tmp_path / WEIGHTS)
    assert refusal() == f"The weights hold a number that is not finite: see {name}."
    for wild in (0, None, "0", [0], [-4, 0], ["0", "4"], [0.5, 4.5], [2**60, 2**60 + 4]):
        (tmp_path / WEIGHTS).write_bytes(with_offsets(whole, name, wild))
        assert refusal() == (
            f"The weights hold another model than the config describes: see {name}."
        )
    header = json.loads(whole[8 : 8 + int.from_bytes(whole[:8], "little")])
    one, other = ("network.blocks.0.conv.bias", "network.blocks.1.conv.bias")
    overlap = with_offsets(whole, one, header[other]["data_offsets"])
    for damaged, sentence in (
        (overlap, "The weights are damaged: their tensors overlap, or leave gaps."),
        (whole + b"\0", "The weights are damaged: they end with bytes of no tensor."),
    ):
        (tmp_path / WEIGHTS).write_bytes(damaged)
        assert refusal() == sentence
    safetensors.torch.save_file(state | {"network.more": torch.zeros(1)}, tmp_path / WEIGHTS)
    assert refusal() == ("The weights hold a tensor that the engine does not know: network.more.")

    (tmp_path / WEIGHTS).write_bytes(whole)
    config = json.loads((tmp_path / CONFIG).read_text())
    for field, value, sentence in [
        ("inner_dim", 5, "The weights hold another model than the config describes: see "),
        ("levels", 3, "levels must be a whole number from 2 to 2, got 3."),
        ("height", 1e9, "height must be a whole number from 1 to 256, got 1000000000."),
        ("architecture", "other", "architecture must be one of gated, residual, got other."),
        ("dilations", [0], "dilations must be 1 to 64 whole numbers from 1 to 1024, got [0]."),
    ]:
        (tmp_path / CONFIG).write_text(json.dumps(config | {field: value}))
        assert refusal().startswith(sentence)

    lacking = {name: value for name, value in config.items() if name != "freehand"}
    (tmp_path / CONFIG).write_text(json.dumps(lacking))
    assert refusal() == "The config lacks the field freehand."
    (tmp_path / CONFIG).write_text(json.dumps(config | {"more": 1}))
    assert refusal() == "The config has a field that the engine does not know: more."


# The artefact


def test_the_artefact_is_small():
    assert (WEB / "engine.wasm").stat().st_size < 40_000


@pytest.mark.slow
@pytest.mark.skipif(
    importlib.util.find_spec("ziglang") is None,
    reason="The compiler is not here: pip install -r requirements-dev.txt brings ziglang.",
)
def test_the_source_compiles_to_the_committed_bytes(tmp_path):
    out = tmp_path / "engine.wasm"
    subprocess.run([sys.executable, WEB / "build.py", out], check=True)
    assert out.read_bytes() == (WEB / "engine.wasm").read_bytes()
