"""Photographs of digits are read; a picture that holds no single digit is refused."""

import numpy as np
import pytest
import torch

import pixelcnn
from tests.page_server import ROOT
from tests.photographs import photographs
from tests.picture_reader import NODE, read_pictures

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not NODE, reason="Node is not installed")]


def test_eighteen_kinds_of_photographs_are_read_and_two_are_refused():
    pictures = photographs()
    answers = read_pictures(picture for picture, _ in pictures.values())
    ink = np.array([answer.get("ink") or [0] * 784 for answer in answers]).reshape(-1, 1, 28, 28)
    model = pixelcnn.load(ROOT / "weights/binary")
    levels = torch.from_numpy(ink * 2 // 256)
    posterior = pixelcnn.digit_posterior(model, levels, rows=28, freehand=True)
    read = {
        kind: None if answer["trouble"] else digit
        for kind, answer, digit in zip(pictures, answers, posterior.argmax(1).tolist(), strict=True)
    }
    assert read == {kind: digit for kind, (_, digit) in pictures.items()}


def test_what_is_wrong_is_said_in_a_sentence():
    pictures = photographs()
    several, blank = (pictures[kind][0] for kind in ("two digits", "no ink"))
    sentences = [answer["trouble"] for answer in read_pictures([several, blank])]
    assert "several digits" in sentences[0]
    assert "no ink" in sentences[1]
