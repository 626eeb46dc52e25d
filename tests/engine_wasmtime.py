"""The engine in a second WebAssembly runtime, wasmtime: what `engine.js` does to draw digits, in Python."""

import ctypes
import functools

import numpy as np
import wasmtime

from tests.engine import WEB

BLANK = 1
MAX_BLOCKS = 64
LAYERS = ("weight", "bias")


def tensor_names(config):
    """Names in the order in which the engine takes the tensors."""
    if config.architecture == "residual":
        yield from ("first.weight", "first.bias", "place.weight")
        for k in range(len(config.dilations)):
            for layer in ("down", "conv", "up"):
                yield from (f"blocks.{k}.{layer}.{kind}" for kind in LAYERS)
            yield f"blocks.{k}.embedding.weight"
    else:
        yield from ("first_vertical.weight", "first_vertical.bias", "place.weight")
        for k in range(len(config.dilations)):
            for name in ("conv.weight", "conv.bias", "out.weight", "embedding.weight"):
                yield f"vertical.{k}.{name}"
        yield from ("first_horizontal.weight", "first_horizontal.bias")
        for k in range(len(config.horizontal_dilations)):
            for name in ("conv.weight", "conv.bias", "link.weight", "out.weight"):
                yield f"horizontal.{k}.{name}"
            yield f"horizontal.{k}.embedding.weight"
    for layer in ("hidden", "out"):
        yield from (f"head.{layer}.{kind}" for kind in LAYERS)


@functools.cache
def compiled():
    """A wasmtime engine and our module, compiled once for all tests."""
    engine = wasmtime.Engine()
    return engine, wasmtime.Module.from_file(engine, str(WEB / "engine.wasm"))


class WasmtimeEngine:
    """One model in wasmtime."""

    def __init__(self, model):
        c = model.config
        engine, module = compiled()
        self.store = wasmtime.Store(engine)
        self.exports = wasmtime.Instance(self.store, module, []).exports(self.store)
        self.shape = c.in_channels, c.height, c.width
        state = model.network.state_dict()
        names = [name for name in tensor_names(c) if name in state]
        assert set(names) == set(state), "a tensor is left out"
        flat = np.concatenate([state[name].numpy().ravel() for name in names])
        conditions = next((len(state[name]) for name in names if "embedding" in name), 0)
        gated = c.architecture == "gated"
        across = c.horizontal_dilations if gated else ()
        left = state["first_horizontal.weight"].shape[1] // c.in_channels if gated else 3
        fields = [
            *(not gated, c.likelihood == "categorical", c.levels, *self.shape),
            *(max(1, conditions), conditions > 0, left, c.inner_dim),
            *(c.horizontal_dim if gated else 1, c.class_from if gated else 0),
            *(len(c.dilations), len(across)),
        ]
        for dilations in (c.dilations, across):
            fields += [*dilations, *[0] * (MAX_BLOCKS - len(dilations))]
        address = self.call("tensors", len(flat))
        self.put(address, flat)
        self.put(self.call("config"), np.array(fields, np.int32))
        self.call("load", address)

    def call(self, name, *args):
        return self.exports[name](self.store, *args)

    def put(self, address, values):
        self.exports["memory"].write(self.store, values.tobytes(), address)

    def get(self, address, dtype):
        size = int(np.prod(self.shape)) * np.dtype(dtype).itemsize
        raw = self.exports["memory"].read(self.store, address, address + size)
        return np.frombuffer(bytes(raw), dtype).reshape(self.shape)

    def draw(self, condition, seed, index):
        """Digit `index` of a seed: levels and log-probabilities, (C, H, W)."""
        size = int(np.prod(self.shape))
        self.call("start", BLANK, condition, 0, 1.0, 0)
        word = ctypes.c_int32(seed).value  # wasm's numbers have no sign of their own
        self.call("rand", word, index * size, size, self.call("uniforms"))
        while self.call("step"):
            pass
        return self.get(self.call("levels"), np.uint8), self.get(
            self.call("drawn_trace"), np.float32
        )
