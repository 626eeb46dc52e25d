"""Gradio, imported without the type stubs that it writes of itself.

Every import of Gradio parses the sources of all its components to keep `.pyi` files beside them up to date.
That is 1.2 of the 4.7 s of a CPU in which Gradio and PyTorch are imported. It leaves out a class whose source
is in no file, so while it is imported, its classes are in none. Import `gradio` from here wherever the page
does, and derive from its classes `without_stubs`.
"""

import inspect
from contextlib import AbstractContextManager
from typing import Any
from unittest import mock

from pixelcnn.refusals import extra

_getfile = inspect.getfile


def _getfile_but_of_gradio(source: Any) -> str:
    if isinstance(source, type) and source.__module__.startswith("gradio."):
        raise OSError("no source: its stub is not needed")
    return _getfile(source)


def without_stubs() -> AbstractContextManager[Any]:
    """A context in which Gradio finds no source of its classes."""
    return mock.patch("inspect.getfile", _getfile_but_of_gradio)


with extra("app"), without_stubs():
    import gradio

__all__ = ["gradio", "without_stubs"]
