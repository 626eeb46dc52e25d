"""The page as Gradio blocks: named endpoints for programs, and a plain form for people."""

from typing import Any

import gradio as gr
import numpy as np
import torch
from PIL import Image

from pixelcnn.pixels import quantize
from pixelcnn.render import grid
from pixelcnn.ui.endpoints import named_endpoint
from pixelcnn.ui.service import MAX_COUNT, Answer, Service

ANY = "any"


def build_page(service: Service) -> gr.Blocks:
    """Wire the endpoints and the page."""
    with gr.Blocks(title="PixelCNN draws digits") as page:
        for method in (service.sample, service.complete, service.trace, service.posterior):
            gr.api(named_endpoint(method), api_name=method.__name__)
        gr.Markdown("# PixelCNN draws digits")
        model = gr.Radio(list(service.models), value=next(iter(service.models)), label="Model")
        with gr.Tab("Sample"):
            _sample_form(service, model)
        with gr.Tab("Complete"):
            _complete_form(service, model)
    return page


def _picture(service: Service, answer: Answer) -> tuple[Image.Image, int]:
    count = service.models[answer["model"]].config.levels
    return grid(torch.tensor(answer["levels"])[:, None], count, scale=4), answer["seed"]


def _settings() -> list[gr.components.Component]:
    with gr.Row():
        label = gr.Dropdown([ANY, *range(10)], value=ANY, label="Digit")
        temperature = gr.Slider(0, 1.5, 1.0, step=0.05, label="Temperature")
        seed = gr.Number(None, label="Seed (empty: a fresh one)", precision=0)
    return [label, temperature, seed]


def _sample_form(service: Service, model: gr.Radio) -> None:
    count = gr.Slider(1, MAX_COUNT, 16, step=1, label="How many")
    settings = _settings()
    button = gr.Button("Sample", variant="primary")
    picture = gr.Image(label="Digits", format="png")
    used = gr.Number(label="Seed used", interactive=False, precision=0)

    async def sample_picture(
        name: str, count: int, label: Any, temperature: float, seed: int | None
    ) -> tuple[Image.Image, int]:
        digit = None if label == ANY else label
        return _picture(service, await service.sample(count, digit, temperature, seed, name))

    button.click(named_endpoint(sample_picture), [model, count, *settings], [picture, used])


def _complete_form(service: Service, model: gr.Radio) -> None:
    pad = gr.Sketchpad(
        label="Draw the top half of a digit",
        canvas_size=(280, 280),
        image_mode="RGBA",
        brush=gr.Brush(default_size=20, colors=["#000"], color_mode="fixed"),
    )
    settings = _settings()
    button = gr.Button("Complete", variant="primary")
    picture = gr.Image(label="Completions, most probable first", format="png")
    used = gr.Number(label="Seed used", interactive=False, precision=0)

    async def complete_picture(
        name: str, drawing: Any, label: Any, temperature: float, seed: int | None
    ) -> tuple[Image.Image, int]:
        digit = None if label == ANY else label
        c = service.models[name].config
        levels = _read_pad(drawing, (c.width, c.height), c.levels)
        answer = await service.complete(levels, c.height // 2, 8, digit, temperature, seed, name)
        return _picture(service, answer)

    button.click(named_endpoint(complete_picture), [model, pad, *settings], [picture, used])


def _read_pad(drawing: Any, size: tuple[int, int], count: int) -> list[list[int]]:
    """The strokes as levels: ink is where they are opaque."""
    composite = drawing.get("composite") if isinstance(drawing, dict) else None
    if composite is None or composite.shape[-1] != 4:
        raise ValueError("Draw the top half of a digit first.")
    ink = Image.fromarray(composite[..., 3]).resize(size, Image.Resampling.BOX)
    return quantize(torch.from_numpy(np.array(ink)), count).tolist()
