"""What commands say when they cannot use what they are given: one sentence, and status 1."""

import socket
import sys

import pytest

from bench import arithmetic, determinism, engine_speed, sampling, training
from pixelcnn import evaluate
from pixelcnn.ui import command as app

LACKS = "nowhere holds no model: give the folder of a model or of a run."


def refusal(monkeypatch, command, *arguments):
    """What a command ends with."""
    monkeypatch.setattr(sys, "argv", [command.__name__, *arguments])
    with pytest.raises(SystemExit) as stopped:
        command.main()
    return stopped.value.code


@pytest.mark.parametrize(
    ("command", "arguments", "sentence"),
    [
        (sampling, ["nowhere"], LACKS),
        (
            sampling,
            ["nowhere", "--device", "abacus"],
            "device 'abacus' cannot be used here: try cpu.",
        ),
        (engine_speed, ["nowhere"], LACKS),
        (determinism, ["nowhere"], LACKS),
        (arithmetic, ["nowhere"], LACKS),
        (training, ["--minutes", "0"], "--minutes must be above 0, and 1440 at most, got 0."),
        (training, ["--batch-size", "0"], "--batch-size must be at least 1, got 0."),
        (evaluate, ["nowhere", "--batch-size", "0"], "--batch-size must be at least 1, got 0."),
        (app, ["--port", "0"], "--port must be 1 to 65535, got 0."),
        (app, ["--port", "65536"], "--port must be 1 to 65535, got 65536."),
    ],
)
def test_what_cannot_be_used_is_told_in_one_sentence(
    command, arguments, sentence, monkeypatch, tmp_path
):
    (tmp_path / "nowhere").mkdir()
    monkeypatch.chdir(tmp_path)
    assert refusal(monkeypatch, command, *arguments) == sentence


def test_a_port_that_another_program_has_is_refused_before_the_models_are_loaded(monkeypatch):
    monkeypatch.setattr(app, "page_on", None)
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        assert refusal(monkeypatch, app, "--port", str(port)) == (
            f"Port {port} cannot be had, as another program has it or it takes more rights: give another"
            " --port, or leave it out."
        )
