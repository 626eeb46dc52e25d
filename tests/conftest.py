import os
import tempfile

import pytest
import torch

from tests.hub_stub import WRITER, HubStub

# The models are tiny: a second thread costs more than it brings, above all on a busy machine.
torch.set_num_threads(1)

# The client reads its settings when it is imported. So no test, and no command that a test starts, can reach
# the real Hub. Large files go by git-lfs, as the stub does not speak xet.
HUB = HubStub()
HF_HOME = tempfile.TemporaryDirectory()
os.environ |= {
    "HF_ENDPOINT": HUB.url,
    "HF_HOME": HF_HOME.name,
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_XET": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
}
os.environ.pop("HF_TOKEN", None)

pytest.register_assert_rewrite("tests.page_browser")

from tests.page_browser import (  # noqa: E402 (it imports the client)
    finger,
    fingers,
    newcomer,
    no_simd,
    scripts,
    tab,
    visit,
)

__all__ = ["finger", "fingers", "hub", "newcomer", "no_simd", "scripts", "tab", "visit"]


def pytest_collection_modifyitems(items):
    """Files with slow tests come first, so that at the end of a run in several processes all have work."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


def pytest_unconfigure():
    HUB.close()
    HF_HOME.cleanup()


@pytest.fixture
def hub(monkeypatch):
    """The stub of the Hub, empty, and a token that may write."""
    monkeypatch.setenv("HF_TOKEN", WRITER)
    HUB.repos.clear()
    HUB.requests.clear()
    HUB.cut.clear()
    return HUB
