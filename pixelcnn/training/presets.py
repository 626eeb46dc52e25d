"""Named runs: the flags of `train.py` that each sets."""

from typing import Any

# What the weights in this repository were trained with.
RECIPE: dict[str, Any] = {
    "batch_size": 32,
    "lr": 2e-3,
    "schedule": "cosine",
    "warmup_steps": 200,
    "weight_decay": 0.01,
    "grad_clip": 1.0,
    "ema": 0.998,
}
GATED: dict[str, Any] = RECIPE | {"architecture": "gated", "class_conditional": True}

PRESETS: dict[str, dict[str, Any]] = {
    # What the projects stated that this one grew out of: a gated PixelCNN on MNIST with discretized greys,
    "gated-mnist": {
        "architecture": "gated",
        "levels": 16,
        "epochs": 50,
        "lr": 1e-3,
        "gamma": 0.99,
        "in_channels": 1,
        "inner_dim": 64,
        "batch_size": 128,
    },
    # and a residual PixelCNN on MNIST binarized at 0.5.
    "residual-binary": {
        "architecture": "residual",
        "levels": 2,
        "binarization": "threshold",
        "dilations": (1,) * 9,
        "epochs": 30,
        "batch_size": 64,
        "gamma": 1.0,
        "sample_epochs": (20, 30),
    },
    # weights/binary: first "binary", then, from its best weights, "binary-dropout".
    "binary": GATED | {"levels": 2, "epochs": 4},
    "binary-dropout": GATED | {"levels": 2, "epochs": 4, "dropout": 0.1, "lr": 1e-3, "ema": 0.999},
    # weights/residual.
    "residual": RECIPE | {"architecture": "residual", "levels": 2, "epochs": 7, "lr": 3e-3},
    # weights/gray, and the same with every grey.
    "gray": GATED | {"levels": 16, "epochs": 4},
    "gray-256": GATED | {"levels": 256, "epochs": 30, "dropout": 0.1},
    # Not on the page: pixels drawn anew every epoch, to compare with published figures.
    "stochastic": GATED | {"levels": 2, "binarization": "stochastic", "epochs": 30},
}
