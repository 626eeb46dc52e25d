"""Small models and the images they are tested on."""

import functools
import itertools
import re

import numpy as np
import pytest
import torch

from pixelcnn.config import ModelConfig
from pixelcnn.density.given import rows_mask
from pixelcnn.density.model import PixelCNN

# One as large as the toys are high, so that a kernel reaches outside from every pixel.
DILATIONS = (1, 4)

architectures = pytest.mark.parametrize("architecture", ["gated", "residual"])
likelihoods = pytest.mark.parametrize("likelihood", ["bernoulli", "categorical"])
classes = pytest.mark.parametrize("num_classes", [0, 3])
channels = pytest.mark.parametrize("in_channels", [1, 2])


def toy_config(architecture="gated", likelihood="bernoulli", **fields):
    """A config of 4x5 images, with three levels where the likelihood allows it."""
    values = {
        "architecture": architecture,
        "likelihood": likelihood,
        "levels": 2 if likelihood == "bernoulli" else 3,
        "height": 4,
        "width": 5,
        "inner_dim": 4,
        "dilations": DILATIONS,
        "horizontal_dim": 3,
        "horizontal_dilations": DILATIONS,
    }
    return ModelConfig(**(values | fields))


def given_rows(config, rows):
    """The mask of the first rows."""
    return rows_mask(rows, config.height, config.width)


@functools.cache
def wild_model(config, *, seed=0, dtype=torch.float64):
    """A model in eval mode with large weights, class embeddings and biases too.

    A freshly built model says nearly the same at every pixel, whatever the class, so that a path which
    mixes up pixels or classes could go unnoticed. The last layer is scaled so that, over random images,
    every logit has mean 0 and standard deviation 2: far from uniform, and far from certain.

    Tests share it: leave it as it is.
    """
    model = PixelCNN(config).double().eval()
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in model.named_parameters():
        if "embedding" in name:
            scale = 1.0
        elif name.endswith("bias"):
            scale = 0.5
        else:
            scale = 2.5 / parameter[0].numel() ** 0.5
        noise = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
        parameter.data.copy_(scale * noise)
    with torch.no_grad():
        logits = model(random_levels(config, 30), random_labels(config, 30))
        last = model.network.head.out
        logits = logits.permute(0, 2, 3, 1, 4).reshape(-1, last.out_features)
        gain = 2 / logits.std(0).clamp(min=0.1)  # an image of one pixel has one logit
        last.weight.mul_(gain[:, None])
        last.bias.sub_(logits.mean(0)).mul_(gain)
    return model.to(dtype)


def random_levels(config, count, seed=0):
    """`count` images of uniform noise, (count, C, H, W)."""
    shape = (count, config.in_channels, config.height, config.width)
    return torch.randint(config.levels, shape, generator=torch.Generator().manual_seed(seed))


def random_labels(config, count):
    """Classes 0, 1, ... in turn, or None for a config without classes."""
    return torch.arange(count) % config.num_classes if config.num_classes else None


def random_uniforms(config, count, seed=1):
    """`count` images of uniforms in float64, (count, C, H, W)."""
    shape = (count, config.in_channels, config.height, config.width)
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(shape, generator=generator, dtype=torch.float64)


def all_images(config):
    """Every image there is, (K ** (C * H * W), C, H, W), in the order of `image_index`."""
    shape = (config.in_channels, config.height, config.width)
    count = shape[0] * shape[1] * shape[2]
    flat = torch.tensor(list(itertools.product(range(config.levels), repeat=count)))
    return flat.unflatten(1, shape)


def image_index(levels, count):
    """Where each image of `count` levels stands in `all_images`, (B,)."""
    flat = levels.flatten(1)
    return (flat * count ** torch.arange(flat.shape[1] - 1, -1, -1)).sum(1)


def exactly(sentence):
    """A pattern for `pytest.raises` that matches the whole message."""
    return f"^{re.escape(sentence)}$"


def write_mnist(root, part, images, labels, dataset="MNIST"):
    """Two files of the format that MNIST comes in: magic number, sizes, bytes."""
    raw = root / dataset / "raw"
    raw.mkdir(parents=True, exist_ok=True)
    for name, array in (("images-idx3", images), ("labels-idx1", labels)):
        header = np.array([0x0800 + array.ndim, *array.shape], ">i4").tobytes()
        (raw / f"{part}-{name}-ubyte").write_bytes(header + array.astype(np.uint8).tobytes())
