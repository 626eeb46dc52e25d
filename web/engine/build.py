"""Compile the engine: `python web/engine/build.py [OUT]`.

The compiler is zig's, from PyPI, in the version that requirements-dev.txt pins: the same source gives the
same bytes on every machine, and the tests compare them with the committed `engine.wasm`.
"""

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
FLAGS = (
    *("-target", "wasm32-freestanding", "-mcpu=generic+simd128+bulk_memory", "-nostdlib"),
    *("-std=c11", "-Wall", "-Wextra", "-Werror", "-fno-sanitize=all"),
    *("-O3", "-ffp-contract=off", "-mllvm", "-inline-threshold=40"),  # half as large, as fast
    *("-Wl,--no-entry", "-Wl,--strip-all", "-Wl,--max-memory=536870912"),
)


def build(out: Path) -> None:
    """Write `engine.wasm` as the compiler makes it of `src/engine.c`.

    Raises:
        subprocess.CalledProcessError: if it does not compile; the compiler says why.
    """
    command = [sys.executable, "-m", "ziglang", "cc", *FLAGS, "-o", str(out.resolve()), "engine.c"]
    subprocess.run(command, cwd=HERE / "src", check=True)


if __name__ == "__main__":
    build(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "engine.wasm")
