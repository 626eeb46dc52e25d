"""`PixelCNN`: integer levels, and a class or none, to logits and log-probabilities.

The joint distribution of an image is the product of its pixels' conditionals in raster order
(van den Oord et al. 2016, arXiv:1601.06759, equation 1); the channels of one pixel are independent given all
earlier pixels. With classes the model is the mixture p(x) = mean over y of p(x | y).
"""

import math

import torch
from torch import Tensor, nn

from pixelcnn.config import ModelConfig
from pixelcnn.data.pixels import to_input
from pixelcnn.density.derived import once
from pixelcnn.density.likelihood import make_likelihood
from pixelcnn.density.networks import GatedNetwork, ResidualNetwork
from pixelcnn.density.prefix import KnownRows

Label = int | Tensor | None

# Images in one pass, where there are many to do. Of more than some 50 a CPU's features are over 32 MB, which
# the C library takes from the system anew for every operation: 1.3 (bf16) to 1.6 times the time.
CHUNK = 25


class PixelCNN(nn.Module):
    """An exact density over images of integer levels.

    Args:
        config: architecture, likelihood, size.

    Example:
        >>> model = PixelCNN(ModelConfig(height=3, width=3, inner_dim=4, dilations=(1,)))
        >>> levels = torch.zeros(2, 1, 3, 3, dtype=torch.long)
        >>> model.log_prob(levels).shape
        torch.Size([2, 1, 3, 3])
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.likelihood = make_likelihood(config.likelihood, config.levels)
        out = config.in_channels * self.likelihood.parameters
        network = GatedNetwork if config.architecture == "gated" else ResidualNetwork
        self.network: GatedNetwork | ResidualNetwork = network(config, out)

    @property
    def num_classes(self) -> int:
        """Classes of the mixture; 0 without."""
        return self.config.num_classes

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.parameters()).device

    @property
    def dtype(self) -> torch.dtype:
        """Of the weights."""
        return next(self.parameters()).dtype

    def forward(self, levels: Tensor, label: Label = None) -> Tensor:
        """Logits of every sub-pixel given all earlier pixels, and the class.

        Args:
            levels: (B, C, H, W) integers 0..K-1; the first rows alone, (B, C, rows, W), will do.
            label: int or (B,); None only for a model without classes.

        Returns:
            (B, C, H, W, parameters of the likelihood).

        Raises:
            ValueError: if shape, levels or label are not what the config allows.
        """
        self.check_levels(levels)
        label = self.expand_label(label, len(levels))
        x = to_input(levels, self.config.levels, self.dtype).permute(0, 2, 3, 1)
        return self.split_logits(self.network(x, label))

    def blank(self) -> KnownRows:
        """What the network makes of a blank image, run once for its weights."""
        return once(self.network, "blank", self._derive_blank)

    def _derive_blank(self) -> KnownRows:
        c = self.config
        levels = torch.zeros(c.height, c.width, c.in_channels, device=self.device)
        return KnownRows(self.network, to_input(levels, c.levels, self.dtype), self.num_classes)

    @torch.no_grad()
    def read(self, levels: Tensor, *known: KnownRows) -> KnownRows:
        """Run the network on the first rows of one image, as each class.

        Args:
            levels: (1, C, rows, W) integers 0..K-1.
            known: what was read before, with these weights: of the first rows, as many as whichever shares
                most has in common, nothing is computed again. Rounding may differ with it.

        Raises:
            ValueError: if shape or levels are not what the config allows, or there are several images.
        """
        self.check_levels(levels)
        if len(levels) != 1:
            raise ValueError(f"Rows are read of one image at a time, got {len(levels)}.")
        x = to_input(levels.to(self.device), self.config.levels, self.dtype)[0].permute(1, 2, 0)
        nearest = max((*known, self.blank()), key=lambda each: each.shared(x))
        return KnownRows(self.network, x, self.num_classes, nearest)

    def split_logits(self, logits: Tensor) -> Tensor:
        """From the network's order to the likelihood's. Shape (B, H, W, C*P) -> (B, C, H, W, P)."""
        return logits.unflatten(-1, (self.config.in_channels, -1)).permute(0, 3, 1, 2, 4)

    def log_prob(self, levels: Tensor, label: Label = None) -> Tensor:
        """Log-probability of every sub-pixel in nats; the sum over C, H, W is that of the image.

        Without a label, a model with classes gives the mixture's own conditionals by the chain rule, with
        channels innermost: log p(x_1..i) - log p(x_1..i-1), each the mean over the classes.

        Args:
            levels: (B, C, H, W) integers 0..K-1; the first rows alone will do.
            label: int or (B,) or None.

        Returns:
            (B, C, H, W), float32 at least.

        Raises:
            ValueError: if shape, levels or label are not what the config allows.
        """
        if label is None and self.num_classes:
            return self._mixture_log_prob(self.class_log_prob(levels))
        return self.likelihood.log_prob(self(levels, label), levels)

    def class_log_prob(self, levels: Tensor, known: KnownRows | None = None) -> Tensor:
        """Log-probability of every sub-pixel given each class in turn.

        Args:
            levels: (B, C, H, W) integers 0..K-1; the first rows alone will do.
            known: of one image, what `read` made of it: nothing is computed anew.

        Returns:
            (B, classes, C, H, W) in nats.
        """
        if known is not None:
            logits = self.split_logits(self.read(levels, known).logits)
            each = levels.expand(self.num_classes, *levels.shape[1:])
            return self.likelihood.log_prob(logits, each).unsqueeze(0)
        images = levels.repeat_interleave(self.num_classes, 0)
        labels = torch.arange(self.num_classes, device=self.device).repeat(len(levels))
        one = self.log_prob if torch.is_grad_enabled() else self._log_prob_below_blank
        parts = zip(images.split(CHUNK), labels.split(CHUNK), strict=True)
        each = torch.cat([one(image, label) for image, label in parts])
        return each.unflatten(0, (len(levels), self.num_classes))

    def _log_prob_below_blank(self, levels: Tensor, label: Tensor) -> Tensor:
        """`log_prob`, looked up for the first rows that are blank in all images."""
        self.check_levels(levels)
        ink = levels.flatten(0, 1).any(2).any(0)  # (H,), of each row
        rows = int(ink.long().cumsum(0).eq(0).sum())
        known = self.blank()
        logits = known.logits[label, :rows]
        if rows < levels.shape[2]:
            x = to_input(levels, self.config.levels, self.dtype).permute(0, 2, 3, 1)[:, rows:]
            above = known.above(rows, label, len(levels)) if rows else None
            logits = torch.cat([logits, self.network(x, label, above)], 1)
        return self.likelihood.log_prob(self.split_logits(logits), levels)

    def _mixture_log_prob(self, given_class: Tensor) -> Tensor:
        """The mixture's conditionals. Shape (B, classes, C, H, W) -> (B, C, H, W)."""
        # In float64: the difference of two sums over many pixels would lose digits.
        raster = given_class.permute(0, 1, 3, 4, 2).double()  # (B, classes, H, W, C)
        joint = raster.flatten(2).cumsum(-1).logsumexp(1) - math.log(self.num_classes)
        conditional = joint.diff(dim=-1, prepend=torch.zeros_like(joint[:, :1]))
        return conditional.unflatten(-1, raster.shape[2:]).permute(0, 3, 1, 2).to(given_class.dtype)

    def check_levels(self, levels: Tensor) -> None:
        """Raise a ValueError that says what is allowed, unless `levels` is that."""
        c = self.config
        shape = tuple(levels.shape)
        if (
            len(shape) != 4
            or shape[1] != c.in_channels
            or shape[3] != c.width
            or shape[2] > c.height
        ):
            allowed = f"(B, {c.in_channels}, {c.height}, {c.width})"
            raise ValueError(f"levels must have shape {allowed}, got {shape}.")
        if levels.is_floating_point() or levels.dtype == torch.bool:
            raise ValueError(f"levels must be integers, got {levels.dtype}.")
        if levels.numel() and not torch.compiler.is_compiling():
            low, high = int(levels.min()), int(levels.max())
            if low < 0 or high >= c.levels:
                raise ValueError(f"levels must be 0 to {c.levels - 1}, got {low} to {high}.")

    def expand_label(self, label: Label, batch: int) -> Tensor | None:
        """The label as (B,) on the model's device, or None for a model without classes.

        Raises:
            ValueError: if the model has no classes and a label is given, or the other way round, or the
                label is out of range or of another shape.
        """
        if not self.num_classes:
            if label is not None:
                raise ValueError("This model has no classes: label must be None.")
            return None
        if label is None:
            raise ValueError(f"This model needs a label, 0 to {self.num_classes - 1}.")
        label = torch.as_tensor(label, device=self.device)
        if label.is_floating_point() or label.dtype == torch.bool:
            raise ValueError(f"label must be an integer, got {label.dtype}.")
        if label.ndim > 1 or (label.ndim == 1 and len(label) != batch):
            raise ValueError(f"label must be one integer or ({batch},), got {tuple(label.shape)}.")
        if label.numel() and not torch.compiler.is_compiling():
            low, high = int(label.min()), int(label.max())
            if low < 0 or high >= self.num_classes:
                wrong = low if low < 0 else high
                raise ValueError(f"label must be 0 to {self.num_classes - 1}, got {wrong}.")
        return label.long().expand(batch)
