"""What a program reads of an endpoint, taken from the docstring of its method.

Gradio numbers parameters ("1st"), keeps one line of what a docstring says of each, and tells nothing of the
keys of an answer. So the docstring is read here: `Args` by parameter, `Returns` by key, each of any length.
"""

import inspect
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pixelcnn.refusals import extra
from pixelcnn.ui.quick_gradio import gradio as gr
from pixelcnn.ui.quick_gradio import without_stubs

with extra("app"):
    from gradio_client.utils import json_schema_to_python_type


@dataclass(frozen=True)
class Description:
    """Of one endpoint."""

    summary: str  # what it does, in a sentence
    parameters: Mapping[str, str]
    keys: Mapping[str, str]  # of its answer

    @classmethod
    def of(cls, method: Callable[..., Any]) -> "Description":
        """Read the docstring of a method."""
        text = inspect.getdoc(method) or ""
        parts = re.split(r"^(Args|Returns|Raises):\n", text, flags=re.M)
        sections = dict(zip(parts[1::2], parts[2::2], strict=True))
        return cls(
            summary=" ".join(parts[0].split()),
            parameters=_entries(sections.get("Args", "")),
            keys=_entries(sections.get("Returns", "")),
        )

    @property
    def docstring(self) -> str:
        """The same with an entry a line, as Gradio and MCP read it."""
        lines = [self.summary, "", "Args:"]
        lines += [f"    {name}: {text}" for name, text in self.parameters.items()]
        lines += ["", "Returns:", "    a JSON object of"]
        lines += [f"    {name}: {text}" for name, text in self.keys.items()]
        return "\n".join(lines)


def _entries(section: str) -> dict[str, str]:
    """Entries `name: text`; what is indented further goes on."""
    entries = re.split(r"^    (\w+): ", section, flags=re.M)
    texts = [" ".join(text.split()) for text in entries[2::2]]
    return dict(zip(entries[1::2], texts, strict=True))


def answer_in_json(tools: Any) -> None:
    """Let Gradio's server of tools write each result as JSON."""
    text = tools.types.TextContent
    tools.postprocess_output_data = lambda data, _root_url: [
        text(type="text", text=json.dumps(each)) for each in data
    ]


with without_stubs():

    class DescribedBlocks(gr.Blocks):
        """Blocks that tell of every parameter and result of an endpoint what its method says of them.

        Their tools for agents answer in JSON, where Gradio writes `str` of a dictionary.
        """

        def __setattr__(self, name: str, value: Any) -> None:
            """As usual; the server of tools, which Gradio sets, is given its way to answer."""
            if name == "mcp_server_obj" and value is not None:
                answer_in_json(value)
            super().__setattr__(name, value)

        def get_api_info(self, *args: Any, **kwargs: Any) -> Any:
            """As Gradio makes it, with names and descriptions in place of numbers."""
            info = super().get_api_info(*args, **kwargs)
            for fn in self.fns.values():
                endpoint = info["named_endpoints"].get(f"/{fn.api_name}")
                if endpoint:
                    _describe(endpoint, Description.of(fn.fn))
            return info


def _describe(endpoint: dict[str, Any], description: Description) -> None:
    for parameter in endpoint["parameters"]:
        name = parameter["parameter_name"]
        text = description.parameters[name]
        parameter |= {"label": name, "component": "JSON"}
        parameter["type"] = {**parameter["type"], "description": text}
        if parameter["parameter_has_default"]:
            parameter["type"]["default"] = parameter["parameter_default"]
        parameter["python_type"]["description"] = text
    (result,) = endpoint["returns"]
    schemas = result["type"]["properties"]
    keys = {key: {**schemas[key], "description": description.keys[key]} for key in schemas}
    result |= {"label": "answer", "component": "JSON"}
    result["type"] = {**result["type"], "properties": keys}
    result["python_type"]["type"] = json_schema_to_python_type(result["type"])
