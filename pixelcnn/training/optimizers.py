"""What moves the weights: Adam and Muon, the schedule of their learning rates, the average of the weights."""

import math

import torch
from torch import nn

from pixelcnn.config import TrainConfig
from pixelcnn.density.layers import CausalConv2d
from pixelcnn.density.model import PixelCNN
from pixelcnn.density.networks import GatedNetwork
from pixelcnn.training.muon import Muon


def learning_rate_factor(config: TrainConfig, step: int, steps_per_epoch: int) -> float:
    """The share of the learning rates that a step, counted from 0, takes.

    Example:
        >>> config = TrainConfig(epochs=2, gamma=0.5, warmup_steps=4)
        >>> [learning_rate_factor(config, step, 10) for step in (0, 3, 9, 10)]
        [0.25, 1.0, 1.0, 0.5]
    """
    if config.schedule == "exponential":
        return _warmup(config, step) * config.gamma ** (step // steps_per_epoch)
    return cosine_factor(config, step, step / (config.epochs * steps_per_epoch))


def cosine_factor(config: TrainConfig, step: int, done: float) -> float:
    """The share that a step takes once `done` of the run, 0 to 1, is over: warm-up, and a cosine to zero."""
    return _warmup(config, step) * 0.5 * (1 + math.cos(math.pi * done))


def _warmup(config: TrainConfig, step: int) -> float:
    return min(1.0, (step + 1) / max(1, config.warmup_steps))


def make_optimizers(model: PixelCNN, config: TrainConfig) -> list[torch.optim.Optimizer]:
    """Adam (with weight decay, AdamW); before it Muon for the matrices inside, if the config says so."""
    inside = matrices_inside(model) if config.optimizer == "muon" else []
    taken = {id(p) for p in inside}
    adam = torch.optim.AdamW(
        [p for p in model.parameters() if p.requires_grad and id(p) not in taken],
        lr=config.lr,
        betas=(0.9, config.beta2),
        weight_decay=config.weight_decay,
        fused=True,
    )
    muon = [Muon(inside, lr=config.muon_lr, weight_decay=config.weight_decay)] if inside else []
    for optimizer in (*muon, adam):
        for group in optimizer.param_groups:
            group["initial_lr"] = group["lr"]
    return [*muon, adam]


def matrices_inside(model: PixelCNN) -> list[nn.Parameter]:
    """The matrices from features to features: without embeddings, the first layer and the logits."""
    network = model.network
    blocks = (
        [*network.vertical, *network.horizontal]
        if isinstance(network, GatedNetwork)
        else network.blocks
    )
    layers = [layer for block in blocks for layer in block.children()]
    if model.conditioner is not None:
        parts = (model.conditioner.blocks, model.conditioner.vertical, model.conditioner.horizontal)
        layers += [layer for part in parts for layer in nn.ModuleList(part).modules()]
        layers.append(model.conditioner.spread)
    linear = [layer for layer in layers if isinstance(layer, nn.Linear | CausalConv2d)]
    weights = [layer.weight for layer in (*linear, network.head.hidden)]
    return [p for p in weights if isinstance(p, nn.Parameter) and p.requires_grad]


def step_optimizers(optimizers: list[torch.optim.Optimizer], rate: float) -> None:
    """Let each take a step with that share, 0 to 1, of its learning rate."""
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = group["initial_lr"] * rate
        optimizer.step()


@torch.no_grad()
def update_average(average: PixelCNN, model: PixelCNN, config: TrainConfig, step: int) -> None:
    """Move the averaged weights towards the model's; the first steps forget faster."""
    decay = min(config.ema, (1 + step) / (10 + step))
    torch._foreach_lerp_(list(average.parameters()), list(model.parameters()), 1 - decay)
