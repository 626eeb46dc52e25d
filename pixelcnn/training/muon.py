"""Muon: descent on matrices by orthogonal steps (Jordan et al. 2024, kellerjordan.github.io/posts/muon).

PyTorch's own `torch.optim.Muon` multiplies in bf16, which a CPU without it emulates: 0.65 s a step for the
matrices of `weights/binary`, against 0.04 s in fp32.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

# Of the quintic polynomial that `orthogonalize` iterates, and how often: Jordan et al.'s.
COEFFICIENTS = (3.4445, -4.7750, 2.0315)
ITERATIONS = 5


def orthogonalize(matrices: Tensor) -> Tensor:
    """Set all singular values nearly to 1, by Newton-Schulz iterations.

    Args:
        matrices: (N, rows, columns).

    Returns:
        (N, rows, columns), singular values some 0.7 to 1.2.

    Example:
        >>> two = orthogonalize(torch.tensor([[[3.0, 0.0, 0.0], [0.0, 0.5, 0.0]]]))
        >>> bool(((torch.linalg.svdvals(two) > 0.6) & (torch.linalg.svdvals(two) < 1.3)).all())
        True
    """
    tall = matrices.shape[1] > matrices.shape[2]
    x = matrices.mT if tall else matrices
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    a, b, c = COEFFICIENTS
    for _ in range(ITERATIONS):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.mT if tall else x


class Muon(torch.optim.Optimizer):
    """Momentum, orthogonalized; weights decay apart from the gradient, as in AdamW.

        m <- momentum m + (1 - momentum) g
        W <- (1 - lr decay) W - lr sqrt(max(1, rows / columns)) orthogonalize(g + momentum (m - g))

    Args:
        params: matrices, (rows, columns).
        lr: learning rate; the step's largest singular value, nearly.
        momentum: of the running mean of gradients, in Nesterov's form.
        weight_decay: decoupled.

    Raises:
        ValueError: if a parameter is no matrix.
    """

    def __init__(
        self,
        params: Iterable[nn.Parameter],
        *,
        lr: float,
        momentum: float = 0.95,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})
        for group in self.param_groups:
            for p in group["params"]:
                if p.ndim != 2:
                    raise ValueError(f"Muon takes matrices, got a shape of {tuple(p.shape)}.")

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Move every matrix that has a gradient."""
        assert closure is None
        for group in self.param_groups:
            same_shape: dict[torch.Size, list[Tensor]] = defaultdict(list)
            for p in group["params"]:
                if p.grad is not None:
                    same_shape[p.shape].append(p)
            for params in same_shape.values():
                self._step_together(params, group)

    def _step_together(self, params: list[Tensor], group: dict[str, Any]) -> None:
        """Move matrices of one shape: their products are computed as a batch."""
        gradients = [p.grad for p in params if p.grad is not None]
        for p in params:
            if "mean" not in self.state[p]:
                self.state[p]["mean"] = torch.zeros_like(p)
        means = [self.state[p]["mean"] for p in params]
        torch._foreach_lerp_(means, gradients, 1 - group["momentum"])
        ahead = torch._foreach_lerp(gradients, means, group["momentum"])
        steps = orthogonalize(torch.stack(ahead)).unbind()
        rows, columns = params[0].shape
        torch._foreach_mul_(params, 1 - group["lr"] * group["weight_decay"])
        torch._foreach_add_(params, steps, alpha=-group["lr"] * max(1, rows / columns) ** 0.5)
