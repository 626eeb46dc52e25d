"""The gated PixelCNN as it is usually written, to measure against: the same function, plainly.

Full-size kernels whose weight is multiplied by a mask, channels first, fp32, one operation after the
other. Parameters and layer sizes are those of `pixelcnn.networks.GatedNetwork`, whose weights it takes.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pixelcnn.density.layers import CausalConv2d, GatedBlock
from pixelcnn.density.model import PixelCNN
from pixelcnn.density.networks import GatedNetwork


class PlainMaskedConv2d(nn.Conv2d):
    """A convolution with odd kernel and a mask, of which `crop` is the part that is not masked."""

    def __init__(self, crop: CausalConv2d, kernel_size: tuple[int, int]) -> None:
        rows, columns = kernel_size
        (d, _), (h, w) = crop.dilation, crop.kernel_size
        padding = (rows // 2 * d, columns // 2 * d)
        super().__init__(
            crop.in_channels, crop.out_channels, kernel_size, padding=padding, dilation=d
        )
        mask = torch.zeros(1, 1, rows, columns)
        mask[..., :h, :w] = 1
        self.mask: Tensor
        self.register_buffer("mask", mask)
        with torch.no_grad():
            self.weight[..., :h, :w] = crop.weight
            assert self.bias is not None
            self.bias.copy_(crop.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Convolve. Shape (B, in, H, W) -> (B, out, H, W)."""
        y: Tensor = self._conv_forward(x, self.weight * self.mask, self.bias)
        return y


def _one_by_one(linear: nn.Linear) -> nn.Conv2d:
    """A 1x1 convolution with the weights of a linear layer."""
    conv = nn.Conv2d(linear.in_features, linear.out_features, 1, bias=linear.bias is not None)
    with torch.no_grad():
        conv.weight.copy_(linear.weight[..., None, None])
        if conv.bias is not None:
            conv.bias.copy_(linear.bias)
    return conv


class PlainBlock(nn.Module):
    """`pixelcnn.layers.GatedBlock`, plainly."""

    def __init__(self, block: GatedBlock) -> None:
        super().__init__()
        self.dim = block.dim
        self.vertical = PlainMaskedConv2d(block.vertical, (3, 3))
        self.horizontal = PlainMaskedConv2d(block.horizontal, (1, 3))
        self.vertical_out = _one_by_one(block.vertical_out)
        self.horizontal_out = _one_by_one(block.horizontal_out)
        assert block.embedding is not None
        weight = block.embedding.weight.detach().clone()
        self.embedding = nn.Embedding.from_pretrained(weight, freeze=False)

    def forward(self, v: Tensor, h: Tensor, label: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """From v, h (B, D, H, W) and label (B,) to v', h' and the skip."""
        e_v, e_h = self.embedding(label)[..., None, None].chunk(2, 1)
        a, b = (self.vertical(v) + e_v).chunk(2, 1)
        out = self.vertical_out(a * torch.sigmoid(b))
        link, up = out[:, : 2 * self.dim], out[:, 2 * self.dim :]
        a, b = (self.horizontal(h) + link + e_h).chunk(2, 1)
        out = self.horizontal_out(a * torch.sigmoid(b))
        skip, on = out[:, : self.dim], out[:, self.dim :]
        return (v + up, h + on, skip) if up.shape[1] else (v, h, skip)


class PlainPixelCNN(nn.Module):
    """The function of a gated model with classes, plainly.

    Args:
        model: whose weights are copied.
    """

    def __init__(self, model: PixelCNN) -> None:
        super().__init__()
        network = model.network
        assert isinstance(network, GatedNetwork)
        r = 2 * network.REACH + 1
        self.first_vertical = PlainMaskedConv2d(network.first_vertical, (r, r))
        self.first_horizontal = PlainMaskedConv2d(network.first_horizontal, (1, r))
        self.first_link = _one_by_one(network.first_link)
        self.place = _one_by_one(network.place)
        self.register_buffer("coordinates", network.coordinates.permute(2, 0, 1)[None])
        self.blocks = nn.ModuleList(PlainBlock(block) for block in network.blocks)
        self.head = nn.Sequential(
            nn.ReLU(),
            _one_by_one(network.head.hidden),
            nn.ReLU(),
            _one_by_one(network.head.out),
        )

    def forward(self, levels: Tensor, label: Tensor) -> Tensor:
        """From binary levels (B, 1, H, W) and label (B,) to logits (B, 1, H, W)."""
        x = levels.to(self.place.weight.dtype) * 2 - 1
        place_v, place_h = self.place(self.coordinates).chunk(2, 1)
        v = self.first_vertical(x) + place_v
        h = self.first_horizontal(x) + self.first_link(v) + place_h
        skips = torch.zeros_like(h)
        for block in self.blocks:
            v, h, skip = block(v, h, label)
            skips = skips + skip
        logits: Tensor = self.head(skips)
        return logits


class PlainRun:
    """A training run of `PlainPixelCNN`: Adam, clipping and averaged weights, written plainly."""

    def __init__(self, model: PixelCNN, *, lr: float, weight_decay: float, clip: float) -> None:
        self.model = PlainPixelCNN(model)
        self.average = [p.detach().clone() for p in self.model.parameters()]
        self.clip = clip
        self.optimizer = torch.optim.AdamW(
            self.model.parameters(), lr=lr, weight_decay=weight_decay, foreach=False
        )

    def step(self, levels: Tensor, label: Tensor, *, decay: float) -> Tensor:
        """Forward, backward, optimizer, average. Returns the loss in nats per image."""
        logits = self.model(levels, label)
        nats = F.binary_cross_entropy_with_logits(logits, levels.to(logits.dtype), reduction="sum")
        loss = nats / len(levels)
        self.optimizer.zero_grad()
        (loss / levels[0].numel()).backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.clip)
        self.optimizer.step()
        with torch.no_grad():
            for mean, p in zip(self.average, self.model.parameters(), strict=True):
                mean.mul_(decay).add_(p, alpha=1 - decay)
        return loss.detach()
