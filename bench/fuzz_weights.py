"""Damaged and hostile model folders, read by Python and by the page's reader: a model, or one sentence.

    python -m bench.fuzz_weights [--mutants 20000] [--seed 0]

A mutant is one of three small models (config.json, model.safetensors, typicality.json) with something
changed: bytes, the length of the header, its entries, its text, numbers, fields of a config. Both readers get
the same mutants, which follow from the seed. Prints the outcomes and what memory did; ends with 1 on anything
else than a model or a sentence, or where the page takes weights that Python refuses.
"""

import argparse
import base64
import itertools
import json
import random
import struct
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.machine import resident_mb
from bench.wild import TEXTS, Tally, is_sentence, nested, save_toys, wild
from pixelcnn.store.folder import CONFIG, TYPICALITY, WEIGHTS, load_folder, read_reference

BATCH = 50  # mutants that the page's reader gets at a time
READER = Path(__file__).with_name("fuzz_reader.mjs")
Files = dict[str, bytes]
Mutation = Callable[[Files, random.Random], None]


def _bytes(name: str) -> Mutation:
    """Flip a bit, cut, lengthen, repeat or blank a part of a file."""

    def change(files: Files, chance: random.Random) -> None:
        data = bytearray(files[name])
        if not data:
            return
        kind, at = chance.randrange(6), chance.randrange(len(data))
        if chance.random() < 0.5:  # near its beginning, where the headers are
            at = chance.randrange(min(len(data), 400))
        if kind == 0:
            data[at] ^= 1 << chance.randrange(8)
        elif kind == 1:
            del data[at:]
        elif kind == 2:
            data += chance.randbytes(chance.choice((1, 4, 1000)))
        elif kind == 3:
            data[at : at + 9] = chance.randbytes(9)
        elif kind == 4:
            data[at:at] = data[at : at + 64]
        else:
            data[:] = chance.choice(
                (b"", b"\0" * 9, b"PK\x03\x04", b"<!doctype html>", b"\x80\x02}q")
            )
        files[name] = bytes(data)

    return change


def _fields(name: str) -> Mutation:
    """A wild value in a JSON object, a field too many or too few, another order, or something deep."""

    def change(files: Files, chance: random.Random) -> None:
        values = json.loads(files[name])
        key = chance.choice(sorted(values))
        kind = chance.randrange(8)
        if kind == 0:
            del values[key]
        elif kind == 1:
            values[chance.choice(("more", "__proto__", "toString", "x" * 5000))] = wild(chance)
        elif kind == 2:
            values = wild(chance)
        elif kind == 3 and isinstance(values[key], list):
            values[key] = [wild(chance), *values[key]]
        elif kind == 4:
            values[key] = {"toString": 1, "valueOf": 1, "length": 3}
        elif kind == 5:
            values[key] = chance.choice((0, 1, 3, 5, 10**9, 2**40))
        else:
            values[key] = wild(chance)
        files[name] = _text(values)

    return change


def _text(value: Any) -> bytes:
    try:
        return json.dumps(value).encode("utf-8", "surrogatepass")
    except (RecursionError, ValueError):
        return b'{"levels":' + b"[" * 100_000 + b"]" * 100_000 + b"}"


def _split(weights: bytes) -> tuple[dict[str, Any], bytes]:
    (length,) = struct.unpack("<Q", weights[:8])
    return json.loads(weights[8 : 8 + length]), weights[8 + length :]


def _joined(header: bytes, data: bytes) -> bytes:
    return struct.pack("<Q", len(header)) + header + data


def _entry(files: Files, chance: random.Random) -> None:
    """One tensor's entry in the header: another dtype, shape or place, another name, or none."""
    header, data = _split(files[WEIGHTS])
    name, other = chance.sample([each for each in header if each != "__metadata__"], 2)
    kind = chance.randrange(9)
    if kind == 0:
        header[name]["dtype"] = chance.choice(
            ("F64", "F16", "BF16", "I64", "BOOL", "", wild(chance))
        )
    elif kind == 1:
        header[name]["shape"] = chance.choice((nested(3000), [2**32, 2**32], [-1], wild(chance)))
    elif kind == 2:
        size = len(data)
        wanted = ([0, size], [size, 2 * size], [4, 0], [2**60, 2**60 + 4], wild(chance))
        header[name]["data_offsets"] = chance.choice(wanted)
    elif kind == 3:  # overlap
        header[name]["data_offsets"] = header[other]["data_offsets"]
    elif kind == 4:
        header[name], header[other] = header[other], header[name]
    elif kind == 5:
        header[chance.choice((*TEXTS, "network.more"))] = header.pop(name)
    elif kind == 6:
        del header[name]
    elif kind == 7:
        header["__metadata__"] = wild(chance)
    else:
        header[name] = wild(chance)
    files[WEIGHTS] = _joined(_text(header), data)


def _header(files: Files, chance: random.Random) -> None:
    """The text of the header, or its length."""
    header, data = _split(files[WEIGHTS])
    text = _text(header)
    kind = chance.randrange(5)
    if kind == 0:
        length = chance.choice((0, 1, len(text) - 1, len(text) + 1, 2**31, 2**32, 2**63, 2**64 - 1))
        files[WEIGHTS] = struct.pack("<Q", length) + text + data
        return
    if kind == 1:
        text = chance.choice(
            (b"[" * 50_000, b'{"a":' * 50_000, b"null", b"[]", b'""', b"1e999", b"{}")
        )
    elif kind == 2:
        at = chance.randrange(len(text))
        text = (
            text[:at]
            + chance.choice((b"\xff\xfe", b"\xed\xa0\x80", b"\0", b"NaN"))
            + text[at + 1 :]
        )
    elif kind == 3:
        text = text.ljust(len(text) + chance.choice((1, 7, 2**20)))
    else:
        text = text[:-1] + b"," + text[1:]  # every name twice
    files[WEIGHTS] = _joined(text, data)


def _numbers(files: Files, chance: random.Random) -> None:
    """Weights that are not finite, or huge."""
    data = bytearray(files[WEIGHTS])
    (length,) = struct.unpack("<Q", data[:8])
    at = 8 + length + 4 * chance.randrange((len(data) - 8 - length) // 4)
    number = chance.choice((float("nan"), float("inf"), -float("inf"), 3e38, 1e-45, 0.0))
    data[at : at + 4] = struct.pack("<f", number)
    files[WEIGHTS] = bytes(data)


def _outliers(files: Files, chance: random.Random) -> None:
    """The embeddings of what is no digit: a row of another name, size or kind, or a wild number in it."""
    values = json.loads(files[TYPICALITY])
    rows = values["outliers"]
    name = chance.choice(sorted(rows))
    kind = chance.randrange(5)
    if kind == 0:
        rows[chance.choice((*TEXTS, "__proto__", "network.more"))] = rows.pop(name)
    elif kind == 1:
        rows[name] = chance.choice((rows[name][1:], [*rows[name], 0.0], [rows[name]]))
    elif kind == 2:
        rows[name][chance.randrange(len(rows[name]))] = chance.choice((1e39, 1e999, wild(chance)))
    elif kind == 3:
        del rows[name]
    else:
        rows[name] = wild(chance)
    files[TYPICALITY] = _text(values)


MUTATIONS: dict[str, Mutation] = {
    "config: bytes": _bytes(CONFIG),
    "config: a field": _fields(CONFIG),
    "weights: bytes": _bytes(WEIGHTS),
    "weights: an entry": _entry,
    "weights: the header": _header,
    "weights: numbers": _numbers,
    "typicality: bytes": _bytes(TYPICALITY),
    "typicality: a field": _fields(TYPICALITY),
    "typicality: what is no digit": _outliers,
}


def mutants(count: int, seed: int, folder: Path) -> Iterator[tuple[str, Files]]:
    """`count` mutants of the models in a folder, each with what was done to it."""
    chance = random.Random(seed)
    models = []
    for path in sorted(folder.iterdir()):
        names = (CONFIG, WEIGHTS, TYPICALITY)
        models.append(
            {name: (path / name).read_bytes() for name in names if (path / name).is_file()}
        )
    for _ in range(count):
        files = dict(chance.choice(models))
        possible = [name for name in MUTATIONS if TYPICALITY in files or "typicality" not in name]
        kind = chance.choice(possible)
        MUTATIONS[kind](files, chance)
        yield kind, files


def read_by_python(files: Files, folder: Path, told: list[str]) -> str:
    """What `pixelcnn.load` makes of a mutant: `model`, or `refused`; the sentence is added to `told`."""
    for name in (CONFIG, WEIGHTS, TYPICALITY):
        (folder / name).unlink(missing_ok=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    try:
        read_reference(folder, load_folder(folder, reference=False))
    except ValueError as error:
        text = str(error).replace(str(folder), "")
        told.append(text)
        assert is_sentence(text), f"no sentence: {text[:300]!r}"
        return "refused"
    return "model"


@contextmanager
def page_reader() -> Iterator[Callable[[list[Files]], Iterator[dict[str, Any]]]]:
    """The page's reader in Node, which works while Python does: what it makes of mutants.

    Of each {outcome, sentence, ms, mb}.
    """
    node = subprocess.Popen(
        ["node", "--expose-gc", READER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert node.stdin is not None
    assert node.stdout is not None
    source, sink = node.stdout, node.stdin

    def read(mutants: list[Files]) -> Iterator[dict[str, Any]]:
        for files in mutants:
            encoded = {name: base64.b64encode(data).decode() for name, data in files.items()}
            sink.write(json.dumps(encoded) + "\n")
        sink.flush()
        return (json.loads(source.readline()) for _ in mutants)

    try:
        yield read
    finally:
        node.communicate()


def read_by_page(answer: dict[str, Any]) -> str:
    """What the page made of a mutant: `model`, or `refused`."""
    outcome, sentence = str(answer["outcome"]), answer["sentence"]
    assert outcome in ("model", "refused"), sentence
    assert outcome == "model" or is_sentence(sentence), f"no sentence: {sentence[:300]!r}"
    return outcome


def fuzz(count: int, seed: int) -> dict[str, Any]:
    """Give both readers the same mutants. Returns outcomes, defects and memory of each."""
    python, page, apart = Tally(), Tally(), Tally()
    memory: dict[str, list[float]] = {"python": [], "page": []}
    with tempfile.TemporaryDirectory() as holder, page_reader() as read:
        sound, folder = Path(holder) / "sound", Path(holder) / "mutant"
        folder.mkdir()
        save_toys(sound)
        waiting = mutants(count, seed, sound)
        for start in range(0, count, BATCH):
            batch = list(itertools.islice(waiting, BATCH))
            answers = read([files for _, files in batch])
            for number, (kind, files) in enumerate(batch, start + 1):
                told = f"mutant {number} of seed {seed}, {kind}"
                _compare(python, page, apart, files, folder, answers, told)
            memory["python"].append(resident_mb())
            memory["page"].append(page.memory_mb)
    result: dict[str, Any] = {"mutants": count, "seed": seed, "together": dict(apart.outcomes)}
    for name, tally in (("python", python), ("page", page)):
        mb = {
            "after a quarter": memory[name][len(memory[name]) // 4],
            "after all": memory[name][-1],
        }
        result[name] = {**tally.outcomes, "slowest_s": round(tally.slowest_s, 2), "mb": mb}
    return result | {"defects": python.defects + page.defects + apart.defects}


def _compare(
    python: Tally,
    page: Tally,
    apart: Tally,
    files: Files,
    folder: Path,
    answers: Iterator[dict[str, Any]],
    told: str,
) -> None:
    why: list[str] = []
    ours = python.add(lambda: read_by_python(files, folder, why), lambda: told)
    answer = next(answers)
    theirs = page.add(lambda: read_by_page(answer), lambda: told)
    page.slowest_s, page.memory_mb = max(page.slowest_s, answer["ms"] / 1000), answer["mb"]
    apart.outcomes[f"Python {ours}, page {theirs}"] += 1
    if (ours, theirs) == ("refused", "model") and WEIGHTS in why[0]:
        apart.defects.append(f"{told}: the page takes weights that Python refuses, {why[0]}")


def main() -> None:
    """Read the mutants, print a table, and one JSON line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--mutants", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    flags = parser.parse_args()
    result = fuzz(flags.mutants, flags.seed)
    defects = result.pop("defects")
    for name, value in result.items():
        print(f"{name:10} {value}")
    for defect in defects[:20]:
        print(f"  {defect}")
    print(json.dumps({**result, "defects": len(defects)}))
    sys.exit(bool(defects))


if __name__ == "__main__":
    main()
