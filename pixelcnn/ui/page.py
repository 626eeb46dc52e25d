"""The page as Gradio blocks: named endpoints for programs, one component for people."""

import importlib.util
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pixelcnn.ui.about import describe
from pixelcnn.ui.endpoints import named_endpoint, server_function
from pixelcnn.ui.quick_gradio import gradio as gr
from pixelcnn.ui.service import Service

STATIC = Path(__file__).resolve().parent / "static"
STYLES = ("base", "page", "bars", "draw", "sample", "watch", "how")


def build_page(
    service: Service, folders: Mapping[str, Path], *, notice: str | None = None
) -> gr.Blocks:
    """Wire the endpoints and the page.

    Args:
        service: answers every call.
        folders: of each model's weights.
        notice: stands at the head of the page for as long as it is open.
    """
    about = {name: describe(model, folders[name]) for name, model in service.models.items()}
    gr.set_static_paths(
        [STATIC, *(picture["path"] for a in about.values() for picture in a["pictures"])]
    )
    public = (service.sample, service.complete, service.trace, service.posterior)
    with gr.Blocks(title="PixelCNN draws digits", fill_width=True) as page:
        for method in public:
            gr.api(named_endpoint(method), api_name=method.__name__)
        gr.HTML(
            html_template=(STATIC / "page.html").read_text(encoding="utf-8"),
            js_on_load=(STATIC / "js" / "mount.js").read_text(encoding="utf-8"),
            apply_default_css=False,
            server_functions=[server_function(method) for method in (*public, *service.page_only)],
            folder=str(STATIC),
            models=about,
            space=os.environ.get("SPACE_ID"),
            notice=notice,
        )
    return page.queue(default_concurrency_limit=64, max_size=256)


def launch_options() -> dict[str, Any]:
    """What `launch` needs for the page to be as it should: its styles, and tools where they can be.

    The styles are files of their own, as Gradio rewrites the selectors of what `css=` is given.
    """
    links = [
        f'<link rel="stylesheet" href="gradio_api/file={STATIC}/css/{name}.css">' for name in STYLES
    ]
    return {
        "head": "\n".join(links),
        "ssr_mode": False,  # has a record of white screens
        "mcp_server": importlib.util.find_spec("mcp") is not None,
        "footer_links": ["api", "settings"],
        "run_history": False,
    }
