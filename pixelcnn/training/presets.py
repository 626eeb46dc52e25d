"""Named runs: the flags of `train.py` that each sets."""

from typing import Any

from pixelcnn.config import DILATIONS

# What the weights in this repository were trained with.
RECIPE: dict[str, Any] = {
    "batch_size": 32,
    "schedule": "cosine",
    "warmup_steps": 200,
    "weight_decay": 0.01,
    "grad_clip": 1.0,
    "ema": 0.998,
}
GATED: dict[str, Any] = RECIPE | {
    "architecture": "gated",
    "class_conditional": True,
    "freehand": 0.5,
    "inner_dim": 48,
    "dilations": (1, 2, 4, 8, 1, 1, 2, 4, 8),
    "class_from": 5,
    "optimizer": "muon",
    "muon_lr": 0.01,
    "weight_decay": 0.05,  # with less, Muon lets the matrices grow until the loss explodes
    "lr": 3e-3,
}

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
        "horizontal_dim": 64,
        "horizontal_dilations": DILATIONS,
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
    # The three models of weights/.
    "binary": GATED | {"levels": 2, "epochs": 6},
    "residual": RECIPE | {"architecture": "residual", "levels": 2, "epochs": 7, "lr": 3e-3},
    "gray": GATED | {"levels": 16, "epochs": 6},
    # The conditioner of weights/binary, with --init weights/binary; of weights/gray with --levels 16, too.
    "any-part": GATED
    | {
        "objective": "any-part",
        "model_digits": 20_000,
        "conditioner_dim": 48,
        "freehand": 0.6,
        "levels": 2,
        "epochs": 3,
        "lr": 2e-3,
    },
    # To see the whole of it, from data to samples, in two minutes on two CPU cores.
    "tiny": RECIPE
    | {
        "architecture": "gated",
        "class_conditional": True,
        "levels": 2,
        "inner_dim": 24,
        "dilations": (1, 2, 4, 8),
        "horizontal_dim": 16,
        "optimizer": "muon",
        "muon_lr": 0.02,
        "lr": 4e-3,
        "warmup_steps": 100,
        "ema": 0.99,
        "epochs": 1,
    },
    # Every grey.
    "gray-256": GATED | {"levels": 256, "epochs": 30, "dropout": 0.1},
    # Not on the page: pixels drawn anew every epoch, to compare with published figures.
    "stochastic": GATED | {"levels": 2, "binarization": "stochastic", "epochs": 30},
}
