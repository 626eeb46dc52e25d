"""PixelCNN: exact densities of small images, and an exact fast sampler.

A model with classes is a mixture. `label` names the class, one for all images or one for each. What
`label=None` means depends on what is asked:

    model(levels)         is refused: logits are those of a class
    model.log_prob        the mixture's density: p(x) = mean over y of p(x | y)
    generate, complete    draw the class of each digit from p(y | given rows), uniform where none are given
    digit_posterior       has no label: it tells p(y | given rows) of every class
    the page's `trace`    takes the most probable class

For a model without classes None is the only label.

Example:
    >>> import pixelcnn
    >>> config = pixelcnn.ModelConfig(height=4, width=4, inner_dim=4, dilations=(1, 2))
    >>> model = pixelcnn.PixelCNN(config).eval()
    >>> pixelcnn.generate(model, 2, seed=0).levels.shape
    torch.Size([2, 1, 4, 4])
"""

import os

# OpenMP reads this when torch is imported. Threads that spin while they wait for each other make every
# operation many times slower where other programs run, too.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from pixelcnn.config import ModelConfig, TrainConfig
from pixelcnn.density.model import PixelCNN
from pixelcnn.density.typicality import typicality
from pixelcnn.sampling.draw import complete, digit_posterior, generate
from pixelcnn.sampling.sampler import Sampler, Samples
from pixelcnn.store.names import from_pretrained, load

__version__ = "0.1.0"

__all__ = [
    "ModelConfig",
    "PixelCNN",
    "Sampler",
    "Samples",
    "TrainConfig",
    "__version__",
    "complete",
    "digit_posterior",
    "from_pretrained",
    "generate",
    "load",
    "typicality",
]
