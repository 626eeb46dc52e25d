"""The gated PixelCNN as it is usually written, to measure against: `examples/minimal.py` with our weights."""

import copy

import torch
from torch import Tensor, nn

from examples import minimal
from pixelcnn.density.layers import CausalConv2d
from pixelcnn.density.model import PixelCNN


def plain(model: PixelCNN) -> nn.Module:
    """The function of a model of binary images in ten classes, plainly.

    Full-size kernels whose weight is multiplied by a mask, channels first, one operation after the other.

    Args:
        model: gated, told the class from its first block on; its weights are copied.
    """
    c = model.config
    assert (c.architecture, c.levels, c.num_classes, c.class_from) == ("gated", 2, 10, 0)
    sizes = (c.inner_dim, c.dilations, c.horizontal_dim, c.horizontal_dilations)
    result = minimal.PixelCNN(*sizes, (c.height, c.width)).to(model.dtype)
    names = {"head.hidden": "head.1", "head.out": "head.3"}
    state = {}
    for name, value in model.network.state_dict().items():
        module, _, kind = name.rpartition(".")
        layer = model.network.get_submodule(module)
        target = f"{names.get(module, module)}.{kind}"
        if kind == "weight" and not isinstance(layer, nn.Embedding):
            rows, columns = layer.kernel_size if isinstance(layer, CausalConv2d) else (1, 1)
            kernel = torch.zeros_like(result.state_dict()[target])
            crop = value.view(len(value), rows, columns, -1).permute(0, 3, 1, 2)
            kernel[..., :rows, :columns] = crop
            value = kernel
        state[target] = value
    result.load_state_dict(state)
    return result


class PlainRun:
    """A training run of the plain model: Adam, clipping and averaged weights, written plainly."""

    def __init__(self, model: PixelCNN, *, lr: float, weight_decay: float, clip: float) -> None:
        self.model = plain(model)
        self.average = [p.detach().clone() for p in self.model.parameters()]
        self.clip = clip
        self.optimizer = torch.optim.AdamW(
            self.model.parameters(), lr=lr, weight_decay=weight_decay, foreach=False
        )

    def step(self, levels: Tensor, label: Tensor, *, decay: float) -> Tensor:
        """Forward, backward, optimizer, average. Returns the loss in nats per image."""
        loss = minimal.nats(self.model, levels, label).mean()
        self.optimizer.zero_grad()
        (loss / levels[0].numel()).backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.clip)
        self.optimizer.step()
        with torch.no_grad():
            for mean, p in zip(self.average, self.model.parameters(), strict=True):
                mean.mul_(decay).add_(p, alpha=1 - decay)
        return loss.detach()

    def averaged(self) -> nn.Module:
        """A copy of the model that has the averaged weights."""
        model = copy.deepcopy(self.model)
        with torch.no_grad():
            for p, mean in zip(model.parameters(), self.average, strict=True):
                p.copy_(mean)
        return model
