"""Importance weights of completions: how the conditioner's q stands to the exact conditional.

A completion is drawn with the probability q(y | given) q(missing | given, y). The model's own p gives it

    w = p(y) p(x | y) / (q(y | given) q(missing | given, y))

so the mean of w estimates p(given) without bias, and completions resampled by w become exact draws from
p(missing | given) as their number grows (sampling importance resampling, Rubin 1987). Where the first rows
are given, whole, all weights are the same.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Importance:
    """The weights of the candidates that completions were chosen from."""

    log_weights: Tensor  # (images, candidates) nats
    label: Tensor | None  # (images, candidates) the class of each; None without classes

    @property
    def effective_sample_size(self) -> Tensor:
        """(sum of w)^2 / sum of w^2 (Kong 1992), (images,): from 1 to the number of candidates, if q = p."""
        w = self.log_weights.double()
        return (2 * w.logsumexp(1) - (2 * w).logsumexp(1)).exp()

    @property
    def log_prob_given(self) -> Tensor:
        """Log of the mean weight, (images,) nats: its exponential estimates p(given) without bias.

        Where a label was chosen it estimates p(given | label).
        """
        return self.log_weights.double().logsumexp(1) - math.log(self.log_weights.shape[1])

    def class_posterior(self, num_classes: int) -> Tensor:
        """The share of each class in the weights, (images, classes): it estimates p(y | given)."""
        assert self.label is not None
        share = self.log_weights.double().softmax(1)
        empty = share.new_zeros(len(share), num_classes)
        return empty.scatter_add_(1, self.label, share)

    def resample(self, count: int, generator: torch.Generator) -> Tensor:
        """Choose candidates of each image by their weights, by systematic resampling (Kitagawa 1996).

        Args:
            count: to choose.
            generator: on the CPU.

        Returns:
            (images * count,) indices into the images' candidates, one image after the other.
        """
        images, candidates = self.log_weights.shape
        boundaries = self.log_weights.double().softmax(1).cumsum(1).cpu()[:, :-1].contiguous()
        start = torch.rand(images, 1, generator=generator, dtype=torch.float64, device="cpu")
        places = (torch.arange(count, device="cpu") + start) / count
        chosen = torch.searchsorted(boundaries, places, right=True)
        return (chosen + candidates * torch.arange(images, device="cpu")[:, None]).flatten()
