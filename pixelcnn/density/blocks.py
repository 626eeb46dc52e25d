"""The blocks that the networks are stacks of: the two of the gated network, and the residual one."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pixelcnn.density.layers import CausalConv2d, FeatureDropout, MaskedConv2d, gate


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


class VerticalBlock(nn.Module):
    """One layer of the vertical stack (arXiv:1606.05328, figure 2, left), dilated by d.

        v' = v + A gate(V * v + e + t)        V: rows i-d, i; columns j-d, j, j+d

    with e an embedding of the condition, a class in a hand, and t the term of a conditioner, if there is one.
    Deviations from the paper: the gate is a gated linear unit; the stack is residual; convolutions are
    dilated; what the horizontal stack takes is read off the last v, see `HorizontalBlock`.

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

    def forward(self, v: Tensor, condition: Tensor | None, term: Tensor | None = None) -> Tensor:
        """Apply the block.

        Args:
            v: (B, H, W, D). Row i knows rows above i.
            condition: (B,) or None.
            term: (B, H, W, 2D) or None.

        Returns:
            v' (B, H, W, D).
        """
        x = self.conv(v) + _embed(self.embedding, condition, v.dtype)
        x = x if term is None else x + term
        return v + self.out(self.dropout(gate(x)))


class HorizontalBlock(nn.Module):
    """One layer of the horizontal stack (arXiv:1606.05328, figure 2, right), dilated by d.

        h' = h + R gate(U * h + L v + e + t)      U: columns j-d, j

    with v the last features of the vertical stack, e an embedding of the condition and t the term of a
    conditioner. The paper links
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

    def forward(
        self, h: Tensor, v: Tensor, condition: Tensor | None, term: Tensor | None = None
    ) -> Tensor:
        """Apply the block.

        Args:
            h: (B, H, W, dim). Pixel j knows rows above, and pixels left of j.
            v: (B, H, W, D).
            condition: (B,) or None.
            term: (B, H, W, 2 * dim) or None.

        Returns:
            h' (B, H, W, dim).
        """
        x = self.conv(h) + self.link(v) + _embed(self.embedding, condition, h.dtype)
        x = x if term is None else x + term
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
