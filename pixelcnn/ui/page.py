"""The page of `web/` as Gradio blocks: one component for people, named endpoints for programs."""

import importlib.util
import inspect
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pixelcnn.refusals import extra
from pixelcnn.ui.descriptions import DescribedBlocks
from pixelcnn.ui.endpoints import named_endpoint, server_function
from pixelcnn.ui.gate import Gate
from pixelcnn.ui.preview import PreviewTags
from pixelcnn.ui.quick_gradio import gradio as gr
from pixelcnn.ui.service import ENDPOINTS, Service
from pixelcnn.ui.static import WEB

with extra("app"):
    from starlette.middleware import Middleware

# Calls of programs wait in Gradio's queue, which forgets those that have hung up, and not in the executor's,
# which would run them. Two of all endpoints together are handed on at a time, so that no model waits for one.
AT_ONCE = 2
WAITING = 256  # more are turned away in a sentence

# Gradio keeps what a session last sent and was answered, for components with a state, of which there is none
# here. A call that waits needs none.
SESSIONS = 8


def build_page(
    service: Service, folders: Mapping[str, Path], *, notice: str | None = None
) -> gr.Blocks:
    """Wire the endpoints and the page.

    Args:
        service: answers programs, and browsers that cannot run the engine.
        folders: of each model's weights, which the page fetches.
        notice: stands at the head of the page for as long as it is open.
    """
    paths = {name: str(folder.resolve()) for name, folder in folders.items()}
    # Each file where it really lies: the Hub's cache holds links, and Gradio follows them.
    weights = [path.resolve() for folder in folders.values() for path in folder.iterdir()]
    gr.set_static_paths([*_files(WEB), *weights])
    with DescribedBlocks(title="PixelCNN draws digits", fill_width=True) as page:
        for method in service.endpoints:
            gr.api(
                named_endpoint(method),
                api_name=method.__name__,
                concurrency_id="models",
                concurrency_limit=AT_ONCE,
            )
        gr.HTML(
            html_template=_markup(),
            js_on_load=(WEB / "js" / "gradio.js").read_text(encoding="utf-8"),
            apply_default_css=False,
            server_functions=[server_function(method) for method in service.endpoints],
            web=str(WEB),
            models=paths,
            space=os.environ.get("SPACE_ID"),
            notice=notice,
        )
    return page.queue(max_size=WAITING)


def _files(folder: Path) -> list[Path]:
    """The files that lie in a folder itself: Gradio would follow a link to anywhere else."""
    home = folder.resolve()
    paths = (path for path in sorted(home.rglob("*")) if path.is_file())
    return [path for path in paths if path.resolve() == path]


def _markup() -> str:
    """The body of the static page, without its script."""
    text = (WEB / "index.html").read_text(encoding="utf-8")
    return text.partition("<body>")[2].partition("<script")[0]


def launch_options() -> dict[str, Any]:
    """What `launch` needs for the page to be as it should: its styles, and tools where they can be.

    The styles are files of their own, as Gradio rewrites the selectors of what `css=` is given.
    """
    page = WEB / "index.html"
    styles = re.findall(r'href="(css/[^"]+)"', page.read_text(encoding="utf-8"))
    links = [f'<link rel="stylesheet" href="gradio_api/file={WEB}/{style}">' for style in styles]
    return {
        "head": "\n".join(links),
        "app_kwargs": {
            "middleware": [
                Middleware(Gate, endpoints=_parameters()),
                Middleware(PreviewTags, page=page),
            ]
        },
        "ssr_mode": False,  # has a record of white screens
        "mcp_server": importlib.util.find_spec("mcp") is not None,
        "footer_links": ["api", "settings"],
        "run_history": False,
        "state_session_capacity": SESSIONS,
        "_frontend": False,  # else it ends where the machine is too busy to fetch its own page in 3 s
    }


def _parameters() -> dict[str, inspect.Signature]:
    """Of the named endpoints, in the order in which they are made."""
    signatures = {name: inspect.signature(getattr(Service, name)) for name in ENDPOINTS}
    return {
        name: each.replace(parameters=list(each.parameters.values())[1:])  # without `self`
        for name, each in signatures.items()
    }
