"""Masked convolutions, the gate, the residual block and the gated two-stack block.

Features are laid out (B, H, W, D), channels last, so that a 1x1 convolution is a linear layer and a
k x k one runs on the same memory. Each layer has two forms of the same arithmetic: dense, over whole images
(training, likelihoods), and by row, on what earlier rows left in a cache (sampling).

The masks of a 3x3 kernel (van den Oord et al. 2016, arXiv:1601.06759, section 3.4):

    type A      type B          vertical stack    horizontal stack
    1 1 1       1 1 1           1 1 1             . . .
    1 . .       1 1 .           1 1 1             1 1 .
    . . .       . . .           . . .             . . .

Type A hides the pixel itself and opens the network; type B, in all later layers, sees the features of
the pixel itself, which know only earlier pixels. In the two stacks (van den Oord et al. 2016,
arXiv:1606.05328, section 2.2) the masks are crops: kernels of 2x3 and 1x2 that are padded on one side
only, so that nothing is multiplied by zero.
"""

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class MaskedConv2d(nn.Conv2d):
    """A convolution that sees only earlier pixels (type A), or those and the pixel itself (type B).

    Masks are of whole pixels: channels of one pixel do not see each other.

    Args:
        mask_type: "A" or "B".
        in_features, out_features: channels.
        kernel_size: odd.
        dilation: step between the taps.

    Example:
        >>> MaskedConv2d("A", 1, 1, 3).mask[0, 0].int().tolist()
        [[1, 1, 1], [1, 0, 0], [0, 0, 0]]
    """

    mask: Tensor
    bias: Tensor

    def __init__(
        self,
        mask_type: Literal["A", "B"],
        in_features: int,
        out_features: int,
        kernel_size: int,
        *,
        dilation: int = 1,
    ) -> None:
        super().__init__(in_features, out_features, kernel_size, dilation=dilation)
        centre = kernel_size // 2
        self.reach = centre * dilation  # in pixels, up and to each side
        mask = torch.zeros(1, 1, kernel_size, kernel_size)
        mask[..., :centre, :] = 1
        mask[..., centre, : centre + (mask_type == "B")] = 1
        self.register_buffer("mask", mask, persistent=False)

    def forward(self, x: Tensor, above: Tensor | None = None) -> Tensor:
        """Convolve. Shape (B, H, W, in) -> (B, H, W, out); for `above` see `lay_on`."""
        # Rows of the kernel below the centre are masked whole: leave them out.
        centre = self.kernel_size[0] // 2
        weight = (self.weight * self.mask)[:, :, : centre + 1]
        padded = F.pad(lay_on(x, above, self.reach), (0, 0, self.reach, self.reach))
        y = F.conv2d(padded.permute(0, 3, 1, 2), weight, self.bias, dilation=self.dilation)
        return y.permute(0, 2, 3, 1)

    def matrices(self) -> tuple[Tensor, Tensor]:
        """The weights of the rows above, and of the pixels to the left (type B: and the pixel itself).

        Both (out, taps * in), to be applied to the pixels that the kernel reads, side by side.
        """
        centre = self.kernel_size[0] // 2
        weight = (self.weight * self.mask).permute(0, 2, 3, 1)
        seen = int(self.mask[0, 0, centre].sum())
        above, left = weight[:, :centre], weight[:, centre, :seen]
        return above.flatten(1).contiguous(), left.flatten(1).contiguous()


def lay_on(x: Tensor, above: Tensor | None, count: int) -> Tensor:
    """Put `count` rows on top of x: the last of those above it, and zeros above the image.

    Args:
        x: (B, H, W, D).
        above: (B, rows, W, D), of the image from its top on; None for none.
        count: how many.

    Returns:
        (B, count + H, W, D).
    """
    if above is not None and count:
        x = torch.cat([above[:, -count:], x], 1)
        count -= min(count, above.shape[1])
    return F.pad(x, (0, 0, 0, 0, count, 0))


def gate(x: Tensor) -> Tensor:
    """Multiply one half with the sigmoid of the other. Shape (..., 2D) -> (..., D).

    The gated linear unit (Dauphin et al. 2017, arXiv:1612.08083), as in PixelCNN++ (Salimans et al. 2017,
    arXiv:1701.05517), in place of arXiv:1606.05328's tanh(a) sigmoid(b), equation 2: it trained faster, in
    nats per image as in time, and costs one transcendental function instead of two.
    """
    return F.glu(x, -1)


def _zero_embedding(num_classes: int, dim: int) -> nn.Embedding | None:
    """An embedding of the class that starts at zero; None without classes."""
    if not num_classes:
        return None
    # Never drawn: on the meta device, where `load` builds a model, that would import PyTorch's compiler.
    return nn.Embedding.from_pretrained(torch.zeros(num_classes, dim), freeze=False)


class FeatureDropout(nn.Dropout):
    """Drop whole features of an image (Tompson et al. 2015, arXiv:1411.4280, section 3.2).

    Neighbouring pixels say nearly the same, so dropping single ones hides little; and a mask of an image's
    features costs next to nothing to draw.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Shape (B, ..., D) -> (B, ..., D)."""
        if not (self.training and self.p):
            return x
        return x * F.dropout(x.new_ones(len(x), *(1,) * (x.dim() - 2), x.shape[-1]), self.p)


class CausalConv2d(nn.Conv2d):
    """A crop of a masked convolution: padded above and on the sides it may see, and nowhere else.

    Args:
        in_features, out_features: channels.
        kernel_size: (rows, columns).
        pad: (left, right, top) zeros added around the image.
        dilation: step between the taps.
    """

    bias: Tensor

    def __init__(
        self,
        in_features: int,
        out_features: int,
        kernel_size: tuple[int, int],
        *,
        pad: tuple[int, int, int],
        dilation: int = 1,
    ) -> None:
        super().__init__(in_features, out_features, kernel_size, dilation=dilation)
        self.pad = pad
        self.to(memory_format=torch.channels_last)  # so that `matrix` is a view

    def forward(self, x: Tensor, above: Tensor | None = None) -> Tensor:
        """Convolve. Shape (B, H, W, in) -> (B, H, W, out); for `above` see `lay_on`."""
        left, right, top = self.pad
        padded = F.pad(lay_on(x, above, top), (0, 0, left, right)).permute(0, 3, 1, 2)
        y = F.conv2d(padded, self.weight, self.bias, dilation=self.dilation)
        # A kernel that hides the pixel itself yields a row or column too many, at the far end.
        return y.permute(0, 2, 3, 1)[:, : x.shape[1], : x.shape[2]]

    def matrix(self) -> Tensor:
        """The weight as (out, taps * in), to be applied to the pixels that the kernel reads, side by side."""
        return self.weight.permute(0, 2, 3, 1).flatten(1)


class GatedBlock(nn.Module):
    """One layer of the two stacks (arXiv:1606.05328, figure 2), dilated by d.

        v' = v + A g_v,     g_v = gate(V * v + e_v)            V: rows i-d, i; columns j-d, j, j+d
        h' = h + R g_h,     g_h = gate(U * h + L g_v + e_h)    U: columns j-d, j
        skip = S g_h

    with e_v, e_h embeddings of the class. Deviations from the paper: the gate is a gated linear unit;
    link L reads the gated vertical features, so that A and L are one product, as R and S are; both
    stacks are residual; convolutions are dilated; skips are those of WaveNet (arXiv:1609.03499, section
    2.4).

    Args:
        dim: D, features of each stack.
        dilation: d.
        num_classes: 0 for none; the embedding starts at zero.
        dropout: on g_v and g_h.
        last: without A and R, which nothing would read.
    """

    def __init__(
        self, dim: int, dilation: int, num_classes: int, dropout: float, *, last: bool
    ) -> None:
        super().__init__()
        self.dim, self.dilation, self.last = dim, dilation, last
        d = dilation
        self.vertical = CausalConv2d(dim, 2 * dim, (2, 3), pad=(d, d, d), dilation=d)
        self.horizontal = CausalConv2d(dim, 2 * dim, (1, 2), pad=(d, 0, 0), dilation=d)
        self.vertical_out = nn.Linear(dim, 2 * dim if last else 3 * dim, bias=False)  # L, A
        self.horizontal_out = nn.Linear(dim, dim if last else 2 * dim, bias=False)  # S, R
        self.dropout = FeatureDropout(dropout)
        self.embedding = _zero_embedding(num_classes, 4 * dim)  # e_v, e_h

    def embed(
        self, label: Tensor | None, dtype: torch.dtype
    ) -> tuple[Tensor, Tensor] | tuple[float, float]:
        """The class terms e_v, e_h. Shape (B,) -> twice (B, 1, 1, 2D); without classes, zeros."""
        if self.embedding is None or label is None:
            return 0.0, 0.0
        e_v, e_h = self.embedding(label)[:, None, None].to(dtype).chunk(2, -1)
        return e_v, e_h

    def biases(self, label: Tensor | None) -> tuple[Tensor, Tensor]:
        """What enters the two gates beside products: (2D,), or with classes (B, 2D)."""
        e_v, e_h = self.embed(label, self.vertical.bias.dtype)
        if isinstance(e_v, Tensor) and isinstance(e_h, Tensor):
            e_v, e_h = e_v[:, 0, 0], e_h[:, 0, 0]
        return self.vertical.bias + e_v, self.horizontal.bias + e_h

    def forward(
        self, v: Tensor, h: Tensor, label: Tensor | None, above: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Apply the block to both stacks.

        Args:
            v, h: (B, H, W, D). Row i of v knows rows above i; pixel j of h also those left of j.
            label: (B,) or None.
            above: rows of v above these, see `lay_on`.

        Returns:
            v', h', skip, each (B, H, W, D).
        """
        e_v, e_h = self.embed(label, v.dtype)
        link, v = self.finish_vertical(v, self.vertical(v, above) + e_v)
        return v, *self.finish_horizontal(h, self.horizontal(h) + link + e_h)

    def finish_vertical(self, v: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        """From what enters the gate, the link (..., 2D) and v' (..., D)."""
        out = self.vertical_out(self.dropout(gate(x)))
        if self.last:
            return out, v
        link, step = out.split((2 * self.dim, self.dim), -1)
        return link, v + step

    def finish_horizontal(self, h: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        """From what enters the gate, h' and the skip, each (..., D)."""
        out = self.horizontal_out(self.dropout(gate(x)))
        if self.last:
            return h, out
        skip, step = out.chunk(2, -1)
        return h + step, skip


class ResidualBlock(nn.Module):
    """1x1, 3x3 type B and 1x1 convolutions around an identity (arXiv:1601.06759, figure 5, left).

        y = a + U relu(e + W * relu(D relu(a)))       a: 2D features, in between: D

    Deviation from the paper: W may be dilated.

    Args:
        dim: D, features of the bottleneck.
        dilation: of W.
        num_classes: 0 for none; the embedding starts at zero.
        dropout: on what enters U.
    """

    def __init__(self, dim: int, dilation: int, num_classes: int, dropout: float) -> None:
        super().__init__()
        self.down = nn.Linear(2 * dim, dim)
        self.conv = MaskedConv2d("B", dim, dim, 3, dilation=dilation)
        self.up = nn.Linear(dim, 2 * dim)
        self.dropout = FeatureDropout(dropout)
        self.embedding = _zero_embedding(num_classes, dim)

    def embed(self, label: Tensor | None, dtype: torch.dtype) -> Tensor | float:
        """The class term e. Shape (B,) -> (B, 1, 1, D); without classes, zero."""
        if self.embedding is None or label is None:
            return 0.0
        return self.embedding(label)[:, None, None].to(dtype)

    def bias(self, label: Tensor | None) -> Tensor:
        """What the masked convolution adds to products: (D,), or with classes (B, D)."""
        e = self.embed(label, self.conv.weight.dtype)
        return self.conv.bias + (e[:, 0, 0] if isinstance(e, Tensor) else e)

    def forward(
        self, a: Tensor, label: Tensor | None, above: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Apply the block.

        Args:
            a: (B, H, W, 2D).
            label: (B,) or None.
            above: rows of what the masked convolution reads above these, see `lay_on`.

        Returns:
            what the masked convolution read (B, H, W, D), and the block's output (B, H, W, 2D).
        """
        narrow = self.narrow(a)
        return narrow, self.finish(a, self.conv(narrow, above) + self.embed(label, a.dtype))

    def narrow(self, a: Tensor) -> Tensor:
        """What the masked convolution reads. Shape (..., 2D) -> (..., D)."""
        return F.relu(self.down(F.relu(a)))

    def finish(self, a: Tensor, x: Tensor) -> Tensor:
        """From the output of the masked convolution (..., D), the block's (..., 2D)."""
        return a + self.up(self.dropout(F.relu(x)))
