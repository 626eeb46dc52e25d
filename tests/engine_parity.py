"""A thousand digits and completions of every model: the engine's and PyTorch's.

`python -m tests.engine_parity [COUNT]` prints how many are equal. It fails where one differs otherwise than
by the documented rule. `test_engine.py` does the same with few digits.
"""

import sys
from pathlib import Path

import pixelcnn
from tests.engine import compare_draws


def main() -> None:
    """Compare `COUNT` digits or completions, 1,000 if not given, of every hand, given the label and not."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    for path in sorted(Path("weights").glob("*/config.json")):
        model = pixelcnn.load(path.parent)
        given = pixelcnn.generate(model, 1, seed=11).levels
        equal, of = compare_draws(path.parent, model, count, given)
        print(f"{path.parent.name:12}{equal:8,} of {of:,} are equal", flush=True)


if __name__ == "__main__":
    main()
