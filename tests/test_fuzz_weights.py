"""Damaged and hostile model folders: a part of what `bench.fuzz_weights` runs, and what it found."""

import json
import struct

import pytest
import torch

from bench import fuzz_weights, wild
from pixelcnn.density.reference import SHARES
from pixelcnn.store.folder import CONFIG, TYPICALITY, WEIGHTS, load_folder, read_reference
from pixelcnn.store.header import read_shapes
from tests.engine import needs_node
from tests.toys import exactly


@pytest.fixture
def folder(tmp_path):
    wild.save_toys(tmp_path)
    return tmp_path / "binary"


@needs_node
@pytest.mark.slow
def test_mutants_are_models_or_refused_in_a_sentence_by_python_and_by_the_page():
    result = fuzz_weights.fuzz(150, seed=1)
    assert result["defects"] == []
    for reader in ("python", "page"):
        assert result[reader]["model"] > 0
        assert result[reader]["refused"] > 0


def rewrite(path, change):
    """Change the header of a safetensors file."""
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    change(header)
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data[8 + length :])


NAME = "network.head.out.bias"


def read_by_page(folder):
    """The outcome and the sentence of the page's reader."""
    files = {name: (folder / name).read_bytes() for name in (CONFIG, WEIGHTS)}
    with fuzz_weights.page_reader() as read:
        (answer,) = read([files])
    return answer["outcome"], answer["sentence"]


@needs_node
@pytest.mark.parametrize("metadata", [None, [], {"a": 1}, "text"])
def test_metadata_that_are_no_texts_by_name_are_refused_by_both(folder, metadata):
    assert read_by_page(folder) == ("model", "")
    rewrite(folder / WEIGHTS, lambda header: header.update(__metadata__=metadata))
    assert "its metadata are no texts by name" in refusal(folder)
    sentence = "The weights are damaged: their metadata are no texts by name."
    assert read_by_page(folder) == ("refused", sentence)


@needs_node
def test_a_line_break_of_a_config_breaks_no_sentence(folder):
    config = json.loads((folder / CONFIG).read_text()) | {"architecture": "\n\u2028"}
    (folder / CONFIG).write_text(json.dumps(config))
    outcome, sentence = read_by_page(folder)
    wanted = "architecture must be one of gated, residual, got \\u000a\\u2028."
    assert (outcome, sentence) == ("refused", wanted)


def refusal(folder):
    with pytest.raises(ValueError, match=r"^[^\n]+\.$") as raised:
        read_reference(folder, load_folder(folder, reference=False))
    return str(raised.value).replace(str(folder), "FOLDER")


@pytest.mark.parametrize(
    "wrong",
    [
        {"dtype": "I64"},
        {"dtype": {"F32": 1}},
        {"shape": [2**32, 2**32, 2**32]},
        {"shape": [True]},
        {"shape": wild.nested(300)},
        {"data_offsets": [2**60, 2**60 + 4]},
        {"data_offsets": [4, 0]},
        {"data_offsets": [0]},
    ],
    ids=lambda value: next(iter(value)),
)
def test_a_wild_entry_is_refused_before_anything_is_allocated(folder, wrong):
    rewrite(folder / WEIGHTS, lambda header: header[NAME].update(wrong))
    sentence = f"its header tells wild things of '{NAME}'."
    assert refusal(folder) == f"FOLDER/{WEIGHTS} is damaged or not safetensors: {sentence}"


def test_tensors_must_take_the_bytes_that_there_are(folder):
    whole = (folder / WEIGHTS).read_bytes()
    sentence = "its tensors overlap, or do not take the bytes that there are."
    for spoilt in (whole + b"\0", whole[:-4]):
        (folder / WEIGHTS).write_bytes(spoilt)
        assert sentence in refusal(folder) or "its header tells wild things of" in refusal(folder)
    (folder / WEIGHTS).write_bytes(whole)

    def overlap(header):
        same = [
            each for each in header if each.endswith("conv.bias") and each.startswith("network.v")
        ]
        header[same[0]]["data_offsets"] = header[same[1]]["data_offsets"]

    rewrite(folder / WEIGHTS, overlap)
    assert refusal(folder).endswith(sentence)


@pytest.mark.parametrize(
    ("length", "text"),
    [(2**64 - 1, b"{}"), (2**20 + 1, b" " * 2**21), (3, b"{}"), (2, b"[]"), (1, b"\xff"), (0, b"")],
)
def test_a_wild_header_is_refused(folder, length, text):
    (folder / WEIGHTS).write_bytes(struct.pack("<Q", length) + text)
    assert "is damaged or not safetensors: its header is" in refusal(folder)


def test_a_deep_header_and_a_deep_config_are_refused(folder):
    text = b'{"a":' * 100_000
    (folder / WEIGHTS).write_bytes(struct.pack("<Q", len(text)) + text)
    assert "its header is not JSON" in refusal(folder)
    (folder / CONFIG).write_text("[" * 100_000)
    assert refusal(folder).startswith(f"FOLDER/{CONFIG} is not JSON: ")


def test_weights_that_are_not_finite_are_refused(folder):
    data = bytearray((folder / WEIGHTS).read_bytes())
    data[-4:] = struct.pack("<f", float("nan"))
    (folder / WEIGHTS).write_bytes(data)
    assert "holds a number that is not finite: see network." in refusal(folder)


def test_a_huge_config_is_refused_at_once(folder):
    config = json.loads((folder / CONFIG).read_text())
    for field, value in (("inner_dim", 10**9), ("dilations", [1] * 10**5), ("height", 10**12)):
        (folder / CONFIG).write_text(json.dumps(config | {field: value}))
        assert refusal(folder).startswith(f"{field} must ")
    (folder / CONFIG).write_bytes(b" " * (5 << 20))
    assert refusal(folder) == f"FOLDER/{CONFIG} has 5242880 bytes, and 4194304 are allowed."


@pytest.mark.parametrize(
    "wrong",
    [
        {"images": 1e999},
        {"nats": [[2**70]]},
        {"nats": wild.nested(300)},
        {"shares": 1},
        {"outliers": {"a": [1e39]}},
        {"outliers": wild.nested(300)},
    ],
    ids=lambda value: next(iter(value)),
)
def test_a_wild_typicality_is_refused(folder, wrong):
    values = json.loads((folder / TYPICALITY).read_text())
    (folder / TYPICALITY).write_text(json.dumps(values | wrong))
    assert refusal(folder) == f"FOLDER/{TYPICALITY} is damaged: delete it, or measure it again."


@needs_node
def test_a_pointer_to_the_weights_is_told_from_damaged_ones(folder):
    text = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1285700\n"
    (folder / WEIGHTS).write_text(text)
    sentence = "The weights are a Git LFS pointer: serve the file that it points to."
    assert read_by_page(folder) == ("refused", sentence)


@needs_node
@pytest.mark.parametrize("name", ["constructor", "__proto__", "toString"])
def test_a_precision_of_a_strange_name_is_refused(folder, name):
    rewrite(folder / WEIGHTS, lambda header: header[NAME].update(dtype=name))
    assert read_by_page(folder)[0] == "refused"


def test_sound_files_are_read(folder):
    model = load_folder(folder)
    assert read_shapes(folder / WEIGHTS)[NAME] == tuple(model.state_dict()[NAME].shape)
    assert model.reference.nats.shape == (8, len(SHARES))
    assert torch.isfinite(model.log_prob(torch.zeros(1, 1, 7, 6, dtype=torch.long))).all()


def test_exactly_the_wanted_tensors_are_taken(folder):
    rewrite(folder / WEIGHTS, lambda header: header.update({"more": header.pop(NAME)}))
    with pytest.raises(
        ValueError,
        match=exactly(f"{folder / WEIGHTS} holds another model than {folder / CONFIG} describes."),
    ):
        load_folder(folder)
