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

import math
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

    def forward(self, x: Tensor) -> Tensor:
        """Convolve. Shape (B, H, W, in) -> (B, H, W, out)."""
        # Rows of the kernel below the centre are masked whole: leave them out.
        centre = self.kernel_size[0] // 2
        weight = (self.weight * self.mask)[:, :, : centre + 1]
        padded = F.pad(x, (0, 0, self.reach, self.reach, self.reach, 0))
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


def gate(x: Tensor) -> Tensor:
    """Multiply one half with the sigmoid of the other. Shape (..., 2D) -> (..., D).

    The gated linear unit (Dauphin et al. 2017, arXiv:1612.08083), as in PixelCNN++ (Salimans et al. 2017,
    arXiv:1701.05517), in place of arXiv:1606.05328's tanh(a) sigmoid(b), equation 2: it trained faster, in
    nats per image as in time, and costs one transcendental function instead of two.
    """
    return F.glu(x, -1)


def _zero_embedding(num_conditions: int, dim: int) -> nn.Embedding | None:
    """An embedding of the condition that starts at zero; None without conditions."""
    if not num_conditions:
        return None
    # Never drawn: on the meta device, where `load` builds a model, that would import PyTorch's compiler.
    return nn.Embedding.from_pretrained(torch.zeros(num_conditions, dim), freeze=False)


def _embed(
    embedding: nn.Embedding | None, condition: Tensor | None, dtype: torch.dtype
) -> Tensor | float:
    """The same for all pixels, (B, 1, 1, dim)."""
    e = _embed_flat(embedding, condition)
    return e[:, None, None].to(dtype) if isinstance(e, Tensor) else e


def _embed_flat(embedding: nn.Embedding | None, condition: Tensor | None) -> Tensor | float:
    """The term of the condition. Shape (B,) -> (B, dim); without conditions, zero."""
    return 0.0 if embedding is None or condition is None else embedding(condition)


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


class CausalConv2d(nn.Module):
    """A crop of a masked convolution: padded above and on the sides it may see, and nowhere else.

    Its weight is a matrix (out, rows * columns * in), applied to the pixels that the kernel reads, side by
    side: rows first, then columns, then features.

    Args:
        in_features, out_features: channels.
        kernel_size: (rows, columns).
        pad: (left, right, top) zeros added around the image.
        dilation: step between the taps.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        kernel_size: tuple[int, int],
        *,
        pad: tuple[int, int, int],
        dilation: int = 1,
    ) -> None:
        super().__init__()
        self.in_features, self.kernel_size = in_features, kernel_size
        self.pad, self.dilation = pad, dilation
        # PyTorch's own first weights for a linear layer, which are those of a convolution too.
        linear = nn.Linear(math.prod(kernel_size) * in_features, out_features)
        self.weight, self.bias = linear.weight, linear.bias

    def forward(self, x: Tensor) -> Tensor:
        """Convolve. Shape (B, H, W, in) -> (B, H, W, out)."""
        left, right, top = self.pad
        padded = F.pad(x, (0, 0, left, right, top, 0)).permute(0, 3, 1, 2)
        kernel = self.weight.view(-1, *self.kernel_size, self.in_features).permute(0, 3, 1, 2)
        y = F.conv2d(padded, kernel, self.bias, dilation=self.dilation)
        # A kernel that hides the pixel itself yields a row or column too many, at the far end.
        return y.permute(0, 2, 3, 1)[:, : x.shape[1], : x.shape[2]]


class VerticalBlock(nn.Module):
    """One layer of the vertical stack (arXiv:1606.05328, figure 2, left), dilated by d.

        v' = v + A gate(V * v + e)            V: rows i-d, i; columns j-d, j, j+d

    with e an embedding of the condition, a class in a hand. Deviations from the paper: the gate is a gated
    linear unit; the stack is residual; convolutions are dilated; what the horizontal stack takes is read off
    the last v, see `HorizontalBlock`.

    Args:
        dim: D, features of the stack.
        dilation: d.
        num_conditions: 0 for none; the embedding starts at zero.
        dropout: on the output of the gate.
    """

    def __init__(self, dim: int, dilation: int, num_conditions: int, dropout: float) -> None:
        super().__init__()
        d = self.dilation = dilation
        self.conv = CausalConv2d(dim, 2 * dim, (2, 3), pad=(d, d, d), dilation=d)
        self.out = nn.Linear(dim, dim, bias=False)
        self.dropout = FeatureDropout(dropout)
        self.embedding = _zero_embedding(num_conditions, 2 * dim)

    def bias(self, condition: Tensor | None) -> Tensor:
        """What is added to the products of V: (2D,), or with conditions (B, 2D)."""
        return self.conv.bias + _embed_flat(self.embedding, condition)

    def forward(self, v: Tensor, condition: Tensor | None) -> Tensor:
        """Apply the block.

        Args:
            v: (B, H, W, D). Row i knows rows above i.
            condition: (B,) or None.

        Returns:
            v' (B, H, W, D).
        """
        x = self.conv(v) + _embed(self.embedding, condition, v.dtype)
        return v + self.out(self.dropout(gate(x)))


class HorizontalBlock(nn.Module):
    """One layer of the horizontal stack (arXiv:1606.05328, figure 2, right), dilated by d.

        h' = h + R gate(U * h + L v + e)      U: columns j-d, j

    with v the last features of the vertical stack and e an embedding of the condition. The paper links
    block to block; here the vertical stack runs to its end first. A sampler runs it once a row and this one
    several times, so depth belongs there.

    Args:
        dim: features of this stack.
        vertical_dim: D, features of the vertical stack.
        dilation: d.
        num_conditions: 0 for none; the embedding starts at zero.
        dropout: on the output of the gate.
    """

    def __init__(
        self, dim: int, vertical_dim: int, dilation: int, num_conditions: int, dropout: float
    ) -> None:
        super().__init__()
        d = self.dilation = dilation
        self.conv = CausalConv2d(dim, 2 * dim, (1, 2), pad=(d, 0, 0), dilation=d)
        self.link = nn.Linear(vertical_dim, 2 * dim, bias=False)
        self.out = nn.Linear(dim, dim, bias=False)
        self.dropout = FeatureDropout(dropout)
        self.embedding = _zero_embedding(num_conditions, 2 * dim)

    def bias(self, condition: Tensor | None) -> Tensor:
        """What is added to the products of U and L: (2 * dim,), or with conditions (B, 2 * dim)."""
        return self.conv.bias + _embed_flat(self.embedding, condition)

    def forward(self, h: Tensor, v: Tensor, condition: Tensor | None) -> Tensor:
        """Apply the block.

        Args:
            h: (B, H, W, dim). Pixel j knows rows above, and pixels left of j.
            v: (B, H, W, D).
            condition: (B,) or None.

        Returns:
            h' (B, H, W, dim).
        """
        x = self.conv(h) + self.link(v) + _embed(self.embedding, condition, h.dtype)
        return h + self.out(self.dropout(gate(x)))


class ResidualBlock(nn.Module):
    """1x1, 3x3 type B and 1x1 convolutions around an identity (arXiv:1601.06759, figure 5, left).

        y = a + U relu(e + W * relu(D relu(a)))       a: 2D features, in between: D

    Deviation from the paper: W may be dilated.

    Args:
        dim: D, features of the bottleneck.
        dilation: of W.
        num_conditions: 0 for none; the embedding starts at zero.
        dropout: on what enters U.
    """

    def __init__(self, dim: int, dilation: int, num_conditions: int, dropout: float) -> None:
        super().__init__()
        self.down = nn.Linear(2 * dim, dim)
        self.conv = MaskedConv2d("B", dim, dim, 3, dilation=dilation)
        self.up = nn.Linear(dim, 2 * dim)
        self.dropout = FeatureDropout(dropout)
        self.embedding = _zero_embedding(num_conditions, dim)

    def bias(self, condition: Tensor | None) -> Tensor:
        """What is added to the products of W: (D,), or with conditions (B, D)."""
        return self.conv.bias + _embed_flat(self.embedding, condition)

    def forward(self, a: Tensor, condition: Tensor | None) -> tuple[Tensor, Tensor]:
        """Apply the block.

        Args:
            a: (B, H, W, 2D).
            condition: (B,) or None.

        Returns:
            what the masked convolution read (B, H, W, D), and the block's output (B, H, W, 2D).
        """
        narrow = F.relu(self.down(F.relu(a)))
        x = self.conv(narrow) + _embed(self.embedding, condition, a.dtype)
        return narrow, a + self.up(self.dropout(F.relu(x)))
