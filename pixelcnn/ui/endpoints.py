"""The service as named Gradio endpoints for programs, and as server functions for the page.

They differ in how a refusal travels: an endpoint raises `gr.Error`; a server function returns
`{"error": sentence}`, as Gradio masks what it raises.
"""

import functools
import inspect
from collections.abc import Awaitable, Callable
from typing import Any

from pixelcnn.foreign import short
from pixelcnn.ui.descriptions import Description
from pixelcnn.ui.executor import Busy
from pixelcnn.ui.quick_gradio import gradio as gr

Endpoint = Callable[..., Awaitable[Any]]


def named_endpoint(method: Endpoint) -> Endpoint:
    """Wrap a method so that what it refuses reaches the client as a sentence."""
    signature = inspect.signature(method)

    @functools.wraps(method)
    async def endpoint(*args: Any, **kwargs: Any) -> Any:
        try:
            return await method(**_given(signature, signature.bind(*args, **kwargs).arguments))
        except (ValueError, Busy) as error:
            raise gr.Error(str(error), print_exception=False) from error

    endpoint.__doc__ = Description.of(method).docstring
    return endpoint


def server_function(method: Endpoint) -> Callable[[Any], Awaitable[Any]]:
    """Wrap a method to take one JSON object of its arguments, as `gr.HTML` calls it."""
    signature = inspect.signature(method)

    async def function(request: Any) -> Any:
        try:
            return await method(**_arguments(signature, request))
        except (ValueError, Busy) as error:
            return {"error": str(error), "busy": isinstance(error, Busy)}

    function.__name__ = getattr(method, "__name__", "function")
    return function


def _arguments(signature: inspect.Signature, request: Any) -> dict[str, Any]:
    if type(request) is not dict:
        raise ValueError("A request must be a JSON object of named arguments.")
    if unknown := [name for name in request if name not in signature.parameters]:
        names = ", ".join(signature.parameters)
        raise ValueError(f"A request names {names}, got {short(unknown[0])}.")
    try:
        signature.bind(**request)
    except TypeError as error:
        raise ValueError(f"The request does not fit: {error}.") from error
    return _given(signature, request)


def _given(signature: inspect.Signature, arguments: dict[str, Any]) -> dict[str, Any]:
    """The arguments that were given: null means left out, where there is a default."""
    needed = [name for name, each in signature.parameters.items() if each.default is each.empty]
    return {k: value for k, value in arguments.items() if value is not None or k in needed}
