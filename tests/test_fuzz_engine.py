"""Wild requests to the page's engine: a part of what `bench/fuzz_engine.mjs` runs."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.engine import needs_node

SCRIPT = Path("bench/fuzz_engine.mjs")


@needs_node
@pytest.mark.slow
def test_wild_requests_are_answered_by_a_result_or_a_sentence_and_no_worker_dies():
    command = ["node", "--expose-gc", SCRIPT, "300", "5"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr
    result = json.loads(run.stdout)
    assert result["died"] == 0
    assert set(result["outcomes"]) == {"result", "refused", "superseded"}
