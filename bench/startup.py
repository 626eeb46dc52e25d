"""`python -m bench.startup`: how soon the page answers, and how soon it is warm.

Starts `app.py` as a person does, several times, and asks for a page until there is one; then asks the
`sample` endpoint for one digit ten times. Ends in one JSON line.
"""

import argparse
import json
import statistics
import time
from pathlib import Path

from gradio_client import Client

from bench.machine import machine
from bench.page_server import app


def start_once(weights: Path | None) -> dict[str, float]:
    """Seconds to the first page, and milliseconds of the first and the tenth sample."""
    begin = time.perf_counter()
    with app(weights) as url:
        first_page = time.perf_counter() - begin
        client = Client(url, verbose=False)
        times = []
        for seed in range(10):
            before = time.perf_counter()
            client.predict(1, None, 1.0, seed, api_name="/sample")
            times.append(time.perf_counter() - before)
    return {"page_s": first_page, "first_ms": times[0] * 1e3, "tenth_ms": times[-1] * 1e3}


def main() -> None:
    """Measure, print a table, and one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--weights", type=Path, help="folder of model folders; default: ours")
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()
    runs = [start_once(args.weights) for _ in range(args.repeats)]
    for run in runs:
        print(
            f"first page after {run['page_s']:.1f} s; first sample {run['first_ms']:.0f} ms,"
            f" tenth {run['tenth_ms']:.0f} ms"
        )
    middle = {name: statistics.median(run[name] for run in runs) for name in runs[0]}
    print(json.dumps({**middle, "runs": runs} | machine()))


if __name__ == "__main__":
    main()
