"""Which device to run on, and in which precision."""

import torch

from pixelcnn.config import Precision


def pick_device(name: str | None = None) -> torch.device:
    """The device of that name; for None a GPU if there is one, else the CPU.

    Raises:
        ValueError: in one sentence, if there is no such device here.
    """
    if name is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ValueError(f"device {name!r} cannot be used here: try cpu.") from error
    return device


def resolve_precision(precision: Precision, device: torch.device) -> Precision:
    """Replace `auto` by bf16 where the device multiplies it in hardware, else by fp32."""
    if precision != "auto":
        return precision
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    on_cpu = device.type == "cpu" and torch.cpu.get_capabilities().get("avx512_bf16", False)
    return "bf16" if on_cpu else "fp32"


def autocast(device: torch.device, precision: Precision) -> torch.autocast:
    """A context in which products run in that precision, over fp32 weights."""
    enabled = resolve_precision(precision, device) == "bf16"
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=enabled)
