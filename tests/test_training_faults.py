"""What training survives: the bench's faults, a few of each, and what its parts promise."""

import hashlib
import io
import json
import random
from dataclasses import replace

import pytest
import torch

from bench import training_faults
from bench.training_faults import FAULTS, Bench, LostError, same, small_disk
from pixelcnn.files import alone_in, write_whole
from pixelcnn.store.folder import BEST, CHECKPOINT, save, sha256
from pixelcnn.training import command, run_folder
from pixelcnn.training.checkpoint import load_checkpoint, pack, save_checkpoint
from pixelcnn.training.run import start
from pixelcnn.training.run_folder import RunFolder
from tests.test_train_command import train_on_noise
from tests.test_training import CONFIG, CPU, MODEL
from tests.toys import exactly


@pytest.fixture(scope="module")
def state():
    run = start(MODEL, replace(CONFIG, optimizer="muon"), CPU)
    return run.state() | {"stages_before": [], "origin": None}


def refused(folder, words):
    with pytest.raises(ValueError, match=words) as stopped:
        RunFolder.resume(folder, CPU)
    assert "\n" not in str(stopped.value)


def test_a_bit_that_flips_anywhere_in_a_checkpoint_is_noticed(state, tmp_path):
    """Of each of 400 parts of the file, headers, weights and digest, one bit."""
    data, rng = pack(state), random.Random(0)
    for k in range(400):
        flipped = bytearray(data)
        place = rng.randrange(k * len(data) // 400, (k + 1) * len(data) // 400)
        flipped[place] ^= 1 << rng.randrange(8)
        (tmp_path / CHECKPOINT).write_bytes(flipped)
        refused(tmp_path, r"checkpoint.pt is damaged or no checkpoint of this project\.$")


@pytest.mark.parametrize("part", [0.0, 0.01, 0.5, 0.99])
def test_a_checkpoint_that_is_cut_short_is_noticed(state, tmp_path, part):
    data = pack(state)
    (tmp_path / CHECKPOINT).write_bytes(data[: int(part * len(data))])
    refused(tmp_path, r"checkpoint.pt is damaged or no checkpoint of this project\.$")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda s: s.update(version=99), "it is of version 99, and this is version 1"),
        (lambda s: s.pop("epoch"), "it lacks 'epoch'"),
        (lambda s: s.pop("optimizers"), "it lacks 'optimizers'"),
        (lambda s: s.update(optimizers=[]), "zip"),
        (lambda s: s["train_config"].update(speed=1), "TrainConfig has no field speed"),
        (lambda s: s["model_config"].pop("levels"), "ModelConfig lacks the field levels"),
        (lambda s: s["model_config"].update(inner_dim=7), "loading state_dict for PixelCNN"),
        (lambda s: s["train_config"].update(optimizer="adam"), "parameter group"),
        (lambda s: s.update(origin={"name": "x"}), "unexpected keyword"),
    ],
)
def test_a_checkpoint_of_another_version_or_config_is_one_sentence(state, tmp_path, change, words):
    (tmp_path / CHECKPOINT).write_bytes(pack(state))
    other = load_checkpoint(tmp_path / CHECKPOINT, CPU)
    change(other)
    save_checkpoint(other, tmp_path / CHECKPOINT)
    refused(tmp_path, f"is no run that can go on here: .*{words}.*begin a new run with --init")


def test_a_checkpoint_from_before_there_were_digests_is_read(state, tmp_path):
    early = {key: value for key, value in state.items() if key != "version"}
    torch.save(early, tmp_path / CHECKPOINT)
    _, run = RunFolder.resume(tmp_path, CPU)
    assert same(run.state()["model"], state["model"])


def test_a_checkpoint_is_a_file_of_torch_with_its_digest_behind_it(state):
    data = pack(state)
    assert hashlib.sha256(data[:-32]).digest() == data[-32:]
    assert same(torch.load(io.BytesIO(data), weights_only=True), state)


def test_what_cannot_be_written_leaves_what_was_there(tmp_path):
    path = tmp_path / "file"
    write_whole(path, b"before")
    (tmp_path / "file.partial").mkdir()
    sentence = f"{path} could not be written: Is a directory."
    with pytest.raises(OSError, match=exactly(sentence)):
        write_whole(path, b"after")
    assert path.read_bytes() == b"before"


def test_weights_whose_folder_cannot_be_made_are_one_sentence(tmp_path):
    """As on a disk that went read-only before the first epoch ended."""
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match=r"last could not be written: Not a directory\.$"):
        save(start(MODEL, CONFIG, CPU).model, tmp_path / "file" / "last")


def test_a_full_disk_is_one_sentence_and_leaves_no_part(tmp_path):
    path = tmp_path / "disk" / "file"
    try:
        with small_disk(path.parent, 4096 * 4):
            write_whole(path, b"before")
            with pytest.raises(
                OSError, match=exactly(f"{path} could not be written: No space left on device.")
            ):
                write_whole(path, bytes(100_000))
            assert [each.name for each in path.parent.iterdir()] == ["file"]
            assert path.read_bytes() == b"before"
    except PermissionError as error:
        pytest.skip(str(error))


def test_a_folder_has_room_for_one_process(tmp_path):
    sentence = f"Another process works in {tmp_path}: wait for it, or end it."
    with alone_in(tmp_path), pytest.raises(OSError, match=exactly(sentence)), alone_in(tmp_path):
        pass
    with alone_in(tmp_path):
        pass


class KilledError(Exception):
    pass


def kill(*_):
    raise KilledError


def test_a_run_that_is_killed_as_it_saves_its_first_weights_can_go_on(monkeypatch, tmp_path):
    whole, out = tmp_path / "whole", tmp_path / "run"
    train_on_noise(monkeypatch, "--epochs", 1, "--out", whole)
    with monkeypatch.context() as patch:
        patch.setattr(run_folder, "write_stages", kill)
        with pytest.raises(KilledError):
            train_on_noise(patch, "--epochs", 1, "--out", out)
    assert (out / BEST).exists()
    train_on_noise(monkeypatch, "--epochs", 1, "--resume", out)
    assert sha256(out / BEST) == sha256(whole / BEST)


def test_checkpoints_lie_at_least_a_step_apart(tmp_path):
    with pytest.raises(SystemExit, match=exactly("--checkpoint-steps must be at least 1, got 0.")):
        command.main(["--out", str(tmp_path / "run"), "--checkpoint-steps", "0"])


def test_a_folder_that_cannot_be_made_is_one_sentence(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    out = tmp_path / "file" / "run"
    sentence = f"{out} cannot be made (Not a directory): give another --out."
    with pytest.raises(SystemExit, match=exactly(sentence)):
        train_on_noise(monkeypatch, "--out", out)


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    """A folder with a run that was left alone."""
    folder = tmp_path_factory.mktemp("faults")
    training_faults.measure([], None, 0, folder)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "times"),
    [("killed", 4), ("full", 2), ("read-only", 1), ("lost", 1), ("twice", 1), ("worker", 1)],
)
def test_training_survives(name, times, bench):
    try:
        (row,) = FAULTS[name][0](Bench(bench, random.Random(0)), times)
    except PermissionError as error:
        pytest.skip(str(error))
    assert row.lost == "nothing"
    assert row.times >= times


@pytest.mark.slow
def test_the_bench_notices_what_is_lost(bench):
    """A run whose log is another, and one that says nothing of a fault."""
    whole = bench / "whole" / "log.jsonl"
    log = whole.read_text()
    try:
        whole.write_text(log.replace("train_nats", "train_bits"))
        with pytest.raises(LostError, match="another than without the fault"):
            FAULTS["killed"][0](Bench(bench, random.Random(1)), 1)
    finally:
        whole.write_text(log)


@pytest.mark.slow
def test_the_bench_prints_a_table_and_json(capsys):
    training_faults.main(["damaged", "--times", "5"])
    *_, row, last = capsys.readouterr().out.splitlines()
    assert row.startswith("| damaged checkpoint |")
    assert json.loads(last)["rows"][0]["times"] == 13
