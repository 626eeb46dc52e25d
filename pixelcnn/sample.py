"""`python -m pixelcnn.sample WEIGHTS --out FILE.png`: draw digits into a picture.

With `--best N` each digit is the most probable of N that are drawn.
"""

import argparse
from pathlib import Path

from pixelcnn.devices import THREADS_HELP, set_threads
from pixelcnn.files import writing
from pixelcnn.foreign import whole
from pixelcnn.refusals import one_sentence
from pixelcnn.sampling.draw import generate
from pixelcnn.store.grid import grid
from pixelcnn.store.names import load

MOST = 10_000  # digits of one command


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0] if __doc__ else None,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("weights", help="binary, gray, residual, a folder, or hf://NAMESPACE/NAME")
    add("--out", type=Path, default=Path("samples.png"), help="the picture")
    add("--count", type=int, default=64, help="digits")
    add("--best", type=int, default=1, metavar="N", help="each is the most probable of N")
    add("--label", type=int, help="the digit; any, if not given")
    add("--freehand", action="store_true", help="as people draw, where the model knows that style")
    add("--temperature", type=float, default=1.0, help="under 0.5 most digits are blank paper")
    add("--seed", type=int, help="draws the same digits again; a fresh one, if not given")
    add("--device", default="cpu", help="cpu, cuda, ...")
    add("--threads", type=int, metavar="N", help=THREADS_HELP)
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    """Draw, write the picture, and say which seed it was."""
    args = parse_args(argv)
    with one_sentence():
        seed = run(args)
    print(f"{args.out}: {args.count} digits of seed {seed}")


def run(args: argparse.Namespace) -> int:
    """Draw and write; the seed.

    Raises:
        ValueError, OSError: in one sentence, if a flag or the weights are not usable.
    """
    set_threads(args.threads)
    whole("--count", args.count, 1, MOST)
    whole("--best", args.best, 1, MOST // args.count)
    model = load(args.weights, args.device)
    samples = generate(
        model,
        args.count * args.best,
        args.label,
        freehand=args.freehand,
        temperature=args.temperature,
        seed=args.seed,
    )
    nats = samples.log_prob.sum((1, 2, 3)).view(args.count, args.best)
    shape = (args.count, args.best, *samples.levels.shape[1:])
    best = samples.levels.view(shape)[range(args.count), nats.argmax(1)]
    with writing(args.out):
        grid(best, model.config.levels).save(args.out)
    return samples.seed


if __name__ == "__main__":
    main()
