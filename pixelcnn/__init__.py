"""PixelCNN: exact densities of small images, and an exact fast sampler.

Example:
    >>> import pixelcnn
    >>> config = pixelcnn.ModelConfig(height=4, width=4, inner_dim=4, dilations=(1, 2))
    >>> model = pixelcnn.PixelCNN(config).eval()
    >>> pixelcnn.generate(model, 2, seed=0).levels.shape
    torch.Size([2, 1, 4, 4])
"""

from pixelcnn.config import ModelConfig, TrainConfig
from pixelcnn.density.model import PixelCNN
from pixelcnn.sampling.draw import complete, digit_posterior, generate
from pixelcnn.sampling.sampler import Sampler, Samples
from pixelcnn.store.hub import load

__all__ = [
    "ModelConfig",
    "PixelCNN",
    "Sampler",
    "Samples",
    "TrainConfig",
    "complete",
    "digit_posterior",
    "generate",
    "load",
]
