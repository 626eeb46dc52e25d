"""Distributions over the levels of one sub-pixel: log-probability, entropy, mean, inverse-CDF draw.

Both take logits `(..., parameters)` and levels or uniforms `(...)`. All results are in nats.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

COLDEST = torch.finfo(torch.float32).tiny  # a lower temperature is 0: float32 cannot divide by it


class Categorical:
    """A softmax over K levels (van den Oord et al. 2016, arXiv:1601.06759, section 3.3).

    Example:
        >>> likelihood = Categorical(4)
        >>> likelihood.draw(torch.zeros(3, 4), torch.tensor([0.0, 0.3, 0.99])).tolist()
        [0, 1, 3]
    """

    def __init__(self, levels: int) -> None:
        self.levels = levels
        self.parameters = levels  # logits per sub-pixel

    def log_prob(self, logits: Tensor, levels: Tensor) -> Tensor:
        """Log-probability of `levels` in nats, float32 at least. Shapes (..., K), (...) -> (...)."""
        log_p = self._log_softmax(logits)
        return log_p.gather(-1, levels.long().unsqueeze(-1)).squeeze(-1)

    def entropy(self, logits: Tensor) -> Tensor:
        """Entropy in nats. Shape (..., K) -> (...)."""
        log_p = self._log_softmax(logits)
        return -(log_p.exp() * log_p).sum(-1)

    def mean(self, logits: Tensor) -> Tensor:
        """Expected level divided by K-1, so 0 to 1. Shape (..., K) -> (...)."""
        p = self._log_softmax(logits).exp()
        return p @ torch.linspace(0, 1, self.levels, dtype=p.dtype, device=p.device)

    def cdf(self, logits: Tensor, temperature: float = 1.0) -> Tensor:
        """The K-1 inner boundaries: p(level <= k) for k < K-1. Shape (..., K) -> (..., K-1)."""
        # From the largest down, so that no temperature overflows; divided by the sum as it was rounded,
        # so that the last uniform below 1 still draws a level that is possible.
        logits = _at_least_float32(logits)
        scaled = (logits - logits.amax(-1, keepdim=True)) / temperature
        cdf = scaled.softmax(-1).cumsum(-1)
        return cdf[..., :-1] / cdf[..., -1:]

    def draw(self, logits: Tensor, uniform: Tensor, temperature: float = 1.0) -> Tensor:
        """Inverse CDF: the number of boundaries that `uniform` has reached.

        Args:
            logits: (..., parameters).
            uniform: (...), in [0, 1).
            temperature: divides the logits; 0 means the most probable level.

        Returns:
            int64 levels (...).
        """
        if temperature < COLDEST:
            return self._mode(logits)
        return self._reached(self.cdf(logits, temperature), uniform)

    def _reached(self, boundaries: Tensor, uniform: Tensor) -> Tensor:
        return (boundaries <= uniform.unsqueeze(-1)).sum(-1)

    def _mode(self, logits: Tensor) -> Tensor:
        return logits.argmax(-1)

    @staticmethod
    def _log_softmax(logits: Tensor) -> Tensor:
        return _at_least_float32(logits).log_softmax(-1)


def _at_least_float32(logits: Tensor) -> Tensor:
    return logits.to(torch.promote_types(logits.dtype, torch.float32))


class Bernoulli(Categorical):
    """One logit of ink per sub-pixel; trained with it, the loss is binary cross-entropy.

    Example:
        >>> Bernoulli().draw(torch.zeros(2, 1), torch.tensor([0.49, 0.5])).tolist()
        [0, 1]
    """

    def __init__(self) -> None:
        super().__init__(levels=2)
        self.parameters = 1

    def log_prob(self, logits: Tensor, levels: Tensor) -> Tensor:
        """Log-probability of `levels` in nats, float32 at least. Shapes (..., 1), (...) -> (...)."""
        logit = _at_least_float32(logits.squeeze(-1))
        return -F.binary_cross_entropy_with_logits(logit, levels.to(logit.dtype), reduction="none")

    def entropy(self, logits: Tensor) -> Tensor:
        """Entropy in nats. Shape (..., 1) -> (...)."""
        logit = _at_least_float32(logits.squeeze(-1))
        return F.softplus(logit) - logit * logit.sigmoid()

    def mean(self, logits: Tensor) -> Tensor:
        """Probability of ink. Shape (..., 1) -> (...)."""
        return _at_least_float32(logits.squeeze(-1)).sigmoid()

    def cdf(self, logits: Tensor, temperature: float = 1.0) -> Tensor:
        """The one boundary p(level = 0). Shape (..., 1) -> (..., 1)."""
        return (-_at_least_float32(logits) / temperature).sigmoid()

    def _mode(self, logits: Tensor) -> Tensor:
        return (logits.squeeze(-1) > 0).long()

    def _reached(self, boundaries: Tensor, uniform: Tensor) -> Tensor:
        return (boundaries.squeeze(-1) <= uniform).long()


def make_likelihood(name: str, levels: int) -> Categorical:
    """Build the likelihood that a `ModelConfig` names."""
    return Bernoulli() if name == "bernoulli" else Categorical(levels)
