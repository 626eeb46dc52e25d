"""Masked convolutions, the gate, dropout: what blocks are made of.

Features are laid out (B, H, W, D), channels last, so that a 1x1 convolution is a linear layer and a
k x k one runs on the same memory. Here is the arithmetic on whole images, for training and likelihoods;
`sampling/rows.py` has the same row by row.

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
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

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
    return _TrainingGate.apply(x) if x.requires_grad else F.glu(x, -1)


class _TrainingGate(torch.autograd.Function):
    """`F.glu`, with the sigmoid of a contiguous half, computed once for both directions.

    On a CPU, and in bf16, F.glu takes 9 times as long: its sigmoid of every other half row is not vectorized.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        linear, logit = x.chunk(2, -1)
        sigmoid = logit.contiguous().sigmoid()
        ctx.save_for_backward(x, sigmoid)
        return linear * sigmoid

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        x, sigmoid = ctx.saved_tensors
        linear, _ = x.chunk(2, -1)
        to_linear = gradient * sigmoid
        return torch.cat([to_linear, to_linear * linear * (1 - sigmoid)], -1)


class FeatureDropout(nn.Dropout):
    """Drop whole features of an image (Tompson et al. 2015, arXiv:1411.4280, section 3.2).

    Neighbouring pixels say nearly the same, so dropping single ones hides little; and a mask of an image's
    features costs next to nothing to draw. So processes that share a batch each draw it for the whole batch.
    """

    # How many images the batch has, and which of them `forward` is given; None: all, as many as there are.
    part: tuple[int, slice] | None = None

    def forward(self, x: Tensor) -> Tensor:
        """Shape (B, ..., D) -> (B, ..., D)."""
        if not (self.training and self.p):
            return x
        count, part = self.part or (len(x), slice(None))
        return x * F.dropout(x.new_ones(count, *(1,) * (x.dim() - 2), x.shape[-1]), self.p)[part]


@contextmanager
def part_of_batch(model: nn.Module, count: int, part: slice) -> Iterator[None]:
    """Let dropout draw for a batch of `count` images of which the model is given a part."""
    layers = [layer for layer in model.modules() if isinstance(layer, FeatureDropout)]
    for layer in layers:
        layer.part = (count, part)
    try:
        yield
    finally:
        for layer in layers:
            layer.part = None


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
        # PyTorch's initial weights of a linear layer; a convolution has the same.
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
