"""The gated PixelCNN as it is usually written, to measure against: the same function, plainly.

Full-size kernels whose weight is multiplied by a mask, channels first, fp32, one operation after the
other. Parameters and layer sizes are those of `GatedNetwork`, whose weights it takes.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pixelcnn.density.layers import CausalConv2d, HorizontalBlock, VerticalBlock
from pixelcnn.density.model import PixelCNN
from pixelcnn.density.networks import GatedNetwork


class PlainMaskedConv2d(nn.Conv2d):
    """A convolution with odd kernel and a mask, of which `crop` is the part that is not masked."""

    def __init__(self, crop: CausalConv2d, kernel_size: tuple[int, int]) -> None:
        rows, columns = kernel_size
        d, (h, w) = crop.dilation, crop.kernel_size
        padding = (rows // 2 * d, columns // 2 * d)
        out = len(crop.weight)
        super().__init__(crop.in_features, out, kernel_size, padding=padding, dilation=d)
        mask = torch.zeros(1, 1, rows, columns)
        mask[..., :h, :w] = 1
        self.mask: Tensor
        self.register_buffer("mask", mask)
        with torch.no_grad():
            kernel = crop.weight.view(out, h, w, crop.in_features).permute(0, 3, 1, 2)
            self.weight[..., :h, :w] = kernel
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
    """A `VerticalBlock` or a `HorizontalBlock` of `pixelcnn.density.layers`, plainly."""

    def __init__(self, block: VerticalBlock | HorizontalBlock) -> None:
        super().__init__()
        horizontal = isinstance(block, HorizontalBlock)
        self.conv = PlainMaskedConv2d(block.conv, (1, 3) if horizontal else (3, 3))
        self.link = _one_by_one(block.link) if isinstance(block, HorizontalBlock) else None
        self.out = _one_by_one(block.out)
        assert block.embedding is not None
        weight = block.embedding.weight.detach().clone()
        self.embedding = nn.Embedding.from_pretrained(weight, freeze=False)

    def forward(self, x: Tensor, label: Tensor, v: Tensor | None = None) -> Tensor:
        """From features (B, D, H, W), label (B,), and for the horizontal stack v, to features."""
        y = self.conv(x) + self.embedding(label)[..., None, None]
        if self.link is not None:
            y = y + self.link(v)
        a, b = y.chunk(2, 1)
        out: Tensor = x + self.out(a * torch.sigmoid(b))
        return out


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
        left = 2 * network.LEFT + 1
        self.first_horizontal = PlainMaskedConv2d(network.first_horizontal, (1, left))
        self.place = _one_by_one(network.place)
        self.register_buffer("coordinates", network.coordinates.permute(2, 0, 1)[None])
        self.vertical = nn.ModuleList(PlainBlock(block) for block in network.vertical)
        self.horizontal = nn.ModuleList(PlainBlock(block) for block in network.horizontal)
        self.head = nn.Sequential(
            nn.ReLU(),
            _one_by_one(network.head.hidden),
            nn.ReLU(),
            _one_by_one(network.head.out),
        )

    def forward(self, levels: Tensor, label: Tensor) -> Tensor:
        """From binary levels (B, 1, H, W) and label (B,) to logits (B, 1, H, W)."""
        x = levels.to(self.place.weight.dtype) * 2 - 1
        v = self.first_vertical(x) + self.place(self.coordinates)
        for block in self.vertical:
            v = block(v, label)
        h = self.first_horizontal(x)
        for block in self.horizontal:
            h = block(h, label, v)
        logits: Tensor = self.head(h)
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
