"""A gated PixelCNN of MNIST in one file: the network, its loss, training, and sampling pixel by pixel.

    python examples/minimal.py DATA_DIR    # torchvision puts MNIST into the folder if it is not there

The network is that of the package (after van den Oord et al. 2016, arXiv:1606.05328), written plainly: full
kernels, whose weights are multiplied by a mask. The package computes the same function, and samples the same
digits in a tenth of the passes, each of one row.
"""

import sys

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SIDE, CLASSES, STACK = 28, 10, (1, 2, 4, 8)  # STACK: dilations, one block each


class MaskedConv2d(nn.Conv2d):
    """A convolution of size (rows, columns) that sees only the first rows and columns of its kernel."""

    def __init__(self, d_in: int, d_out: int, size: tuple, seen: tuple, dilation: int = 1) -> None:
        padding = tuple(k // 2 * dilation for k in size)
        super().__init__(d_in, d_out, size, padding=padding, dilation=dilation)
        self.mask = nn.Buffer(torch.zeros(size), persistent=False)
        self.mask[: seen[0], : seen[1]] = 1

    def forward(self, x: Tensor) -> Tensor:
        return self._conv_forward(x, self.weight * self.mask, self.bias)


class Block(nn.Module):
    """x + out(gate(conv(x) + embedding(label))); the horizontal stack adds link(v) inside the gate."""

    def __init__(self, dim: int, dilation: int, link_from: int | None = None) -> None:
        super().__init__()
        kernel = ((3, 3), (2, 3)) if link_from is None else ((1, 3), (1, 2))
        self.conv = MaskedConv2d(dim, 2 * dim, *kernel, dilation)
        self.link = None if link_from is None else nn.Conv2d(link_from, 2 * dim, 1, bias=False)
        self.embedding = nn.Embedding.from_pretrained(torch.zeros(CLASSES, 2 * dim), freeze=False)
        self.out = nn.Conv2d(dim, dim, 1, bias=False)

    def forward(self, x: Tensor, label: Tensor, v: Tensor | None = None) -> Tensor:
        y = self.conv(x) + self.embedding(label)[:, :, None, None]
        if self.link is not None:
            y = y + self.link(v)
        return x + self.out(F.glu(y, 1))


class PixelCNN(nn.Module):
    """From binary levels (B, 1, H, W) and label (B,) to logits of ink (B, 1, H, W), given earlier pixels."""

    def __init__(self, dim=32, dilations=STACK, h_dim=16, h_dilations=STACK, size=(SIDE, SIDE)):
        super().__init__()
        self.first_vertical = MaskedConv2d(1, dim, (7, 7), (3, 7))  # three rows above
        self.first_horizontal = MaskedConv2d(1, h_dim, (1, 25), (1, 12))  # twelve pixels left
        self.place = nn.Conv2d(2, dim, 1, bias=False)
        self.vertical = nn.ModuleList(Block(dim, d) for d in dilations)
        self.horizontal = nn.ModuleList(Block(h_dim, d, link_from=dim) for d in h_dilations)
        wide, out = nn.Conv2d(h_dim, 2 * h_dim, 1), nn.Conv2d(2 * h_dim, 1, 1)
        self.head = nn.Sequential(nn.ReLU(), wide, nn.ReLU(), out)
        lines = [torch.linspace(-1, 1, n) for n in size]
        place = torch.stack(torch.meshgrid(*lines, indexing="ij"))[None]
        self.coordinates = nn.Buffer(place, persistent=False)

    def forward(self, levels: Tensor, label: Tensor) -> Tensor:
        x = levels.to(self.place.weight.dtype) * 2 - 1
        v = self.first_vertical(x) + self.place(self.coordinates)  # row i knows the rows above it
        for block in self.vertical:
            v = block(v, label)
        h = self.first_horizontal(x)  # and pixel j of the row those to its left
        for block in self.horizontal:
            h = block(h, label, v)
        return self.head(h)


def nats(model: nn.Module, levels: Tensor, label: Tensor) -> Tensor:
    """-log p(levels | label) of each image, (B,)."""
    logits = model(levels, label)
    each = F.binary_cross_entropy_with_logits(logits, levels.to(logits), reduction="none")
    return each.sum((1, 2, 3))


@torch.no_grad()
def sample(model: nn.Module, label: Tensor, uniforms: Tensor) -> Tensor:
    """One pass a pixel: ink where its uniform reaches p(level = 0). Shapes (B,), (B, 1, H, W)."""
    levels = torch.zeros_like(uniforms, dtype=torch.long)
    for i in range(levels.shape[2]):
        for j in range(levels.shape[3]):
            blank = torch.sigmoid(-model(levels, label)[:, :, i, j])
            levels[:, :, i, j] = (uniforms[:, :, i, j] >= blank).long()
    return levels


def main(folder: str, steps: int = 800, batch: int = 16, lr: float = 4e-3) -> None:
    from torchvision.datasets import MNIST

    torch.manual_seed(0)
    train, test = (MNIST(folder, train=part, download=True) for part in (True, False))
    model = PixelCNN()
    optimizer = torch.optim.AdamW(model.parameters(), weight_decay=0.01)
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = lr * min(1, (step + 1) / 50) * (1 - step / steps)
        index = torch.randint(len(train.data), (batch,))
        loss = nats(model, (train.data[index, None] >= 128).long(), train.targets[index]).mean()
        optimizer.zero_grad()
        (loss / SIDE**2).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    with torch.no_grad():
        mean = nats(model, (test.data[:500, None] >= 128).long(), test.targets[:500]).mean()
    print(f"{mean:.2f} nats per image given the class, on 500 test images")
    digits = sample(model, torch.tensor([3, 7]), torch.rand(2, 1, SIDE, SIDE))
    for row in torch.cat(digits[:, 0].unbind(), 1):
        print("".join("##" if pixel else "  " for pixel in row))


if __name__ == "__main__":
    main(sys.argv[1])
