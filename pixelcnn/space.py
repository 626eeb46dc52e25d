"""`python -m pixelcnn.space ns/name`: the page as a Hugging Face Space.

With `--static` it is plain files, which is free: visitors' browsers compute. Without, it runs in Gradio, and
its endpoints answer programs.

One commit with just what the page needs. The builder installs `requirements.txt` together with
`gradio[oauth,mcp]` of the version that the card names, so the pins here are those of the repository, but for
torch: on `cpu-basic` it comes from PyTorch's own index of CPU builds (the usual one is 5 GB with CUDA), on
`zero-a10g` it is the newest that ZeroGPU supports. Gradio wants `spaces` in a Space of either kind.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pixelcnn.refusals import extra, one_sentence
from pixelcnn.store.hub import HUB_ERRORS, REPO_ID, check_access, commit, explain
from pixelcnn.store.names import HUB
from pixelcnn.ui.static import our_models, site, write

with extra("hub"):
    from huggingface_hub import HfApi, SpaceCardData
    from huggingface_hub.errors import HfHubHTTPError

ROOT = Path(__file__).resolve().parent.parent
PAGE_FILES = (
    "CONTRIBUTING.md",  # as to docs and examples, the README links to it
    "LICENSE",
    "app.py",
    "docs/*.gif",
    "docs/*.md",
    "docs/*.png",
    "docs/*.webp",
    "examples/*",
    "pixelcnn/**/*.py",
    "web/**/*",
    "weights/*/*.json",
    "weights/*/*.jsonl",
    "weights/*/*.md",
    "weights/*/*.png",
    "weights/*/*.safetensors",
)
STATIC_FILES = ("LICENSE", "docs/api.md")  # beside the page, which links to them
# Of the card. `sdk_version` is that of the pinned gradio.
METADATA: dict[str, Any] = {
    "title": "PixelCNN draws digits",
    "short_description": "Draw the top of a digit; a PixelCNN completes it live",
    "emoji": "🔢",
    "colorFrom": "blue",
    "colorTo": "yellow",
    "fullWidth": True,
    "thumbnail": "web/preview.png",
    "license": "mit",
    "tags": ["pixelcnn", "image-generation", "density-estimation", "mnist"],
    "models": [],
    "datasets": ["ylecun/mnist"],
}
STATIC_TEXT = """
# PixelCNN draws digits

Draw the top of a digit, and the model completes it while you draw; sample digits; watch one appear pixel by
pixel. An exact density model, computed in your browser: nothing that you draw leaves your machine.
"""
# Of an earlier upload, but for what someone else put there.
REPLACED = (
    *("CONTRIBUTING.md", "app.py", "index.html", "requirements.txt"),
    *("docs/*", "examples/*", "pixelcnn/*", "web/*", "weights/*"),
)

TRAINING_ONLY = ("matplotlib", "torchvision", "tqdm")
CPU_INDEX = "--extra-index-url https://download.pytorch.org/whl/cpu"
ZERO_TORCH = "torch==2.11.0"
SPACES = "spaces==0.51.3"
HARDWARE = ("cpu-basic", "zero-a10g")
STATIC = "static"  # in place of the hardware: none

RUNNING = "RUNNING"
FAILED = ("BUILD_ERROR", "CONFIG_ERROR", "RUNTIME_ERROR", "NO_APP_FILE", "PAUSED", "STOPPED")
BUILD_LIMIT_S = 20 * 60
POLL_S = 5.0


def _pins() -> dict[str, str]:
    """The lines of `requirements.txt`, by package."""
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    return {line.partition("==")[0]: line for line in lines}


def requirements(hardware: str) -> str:
    """The `requirements.txt` of a Space on that hardware."""
    pins = {name: pin for name, pin in _pins().items() if name not in TRAINING_ONLY}
    pins["gradio"] = pins["gradio"].replace("gradio", "gradio[oauth,mcp]")
    pins["spaces"] = SPACES
    if hardware == "zero-a10g":
        pins["torch"] = ZERO_TORCH
    head = [CPU_INDEX] if hardware == "cpu-basic" else []
    return "\n".join([*head, *sorted(pins.values())]) + "\n"


def space_card(repo_id: str, hardware: str, weights: str | None) -> str:
    """The README with the metadata of this Space: its kind, weights and address."""
    static = hardware == STATIC
    data = METADATA | {"thumbnail": f"{_resolve(repo_id)}/{METADATA['thumbnail']}"}
    if weights:
        data["models"] = [_repo_of(weights)]
    if static:
        data |= {"sdk": "static", "app_file": "index.html"}
    else:
        data |= {"sdk": "gradio", "sdk_version": _pins()["gradio"].partition("==")[2]}
        data |= {"python_version": "3.12", "app_file": "app.py", "suggested_hardware": hardware}
        data["tags"] = [*data["tags"], "mcp-server"]
    text = STATIC_TEXT if static else (ROOT / "README.md").read_text(encoding="utf-8")
    return f"---\n{SpaceCardData(**data).to_yaml()}\n---\n\n{text.lstrip()}"


def _repo_of(weights: str) -> str:
    """The id in `hf://NAMESPACE/NAME@REVISION`; empty, if it is none."""
    return weights.removeprefix(HUB).partition("@")[0] if weights.startswith(HUB) else ""


def collect(repo_id: str, hardware: str, weights: str | None) -> dict[str, Path | bytes]:
    """What the Space holds: paths in it, and contents or where they lie."""
    static = hardware == STATIC
    files: dict[str, Path | bytes] = {
        path.relative_to(ROOT).as_posix(): path
        for pattern in (STATIC_FILES if static else PAGE_FILES)
        for path in sorted(ROOT.glob(pattern))
        if path.is_file() and "__pycache__" not in path.parts
    }
    files["README.md"] = space_card(repo_id, hardware, weights).encode()
    if static:
        picture = f"{_resolve(repo_id)}/web/preview.png"
        files |= site(our_models(), space=repo_id, picture=picture)
    else:
        files["requirements.txt"] = requirements(hardware).encode()
    return files


def _resolve(repo_id: str) -> str:
    """Where the files of a Space are."""
    return f"https://huggingface.co/spaces/{repo_id}/resolve/main"


def upload(repo_id: str, hardware: str, weights: str | None, *, private: bool) -> str:
    """Create the Space if need be, and bring it up to date in one commit; returns its address.

    Raises:
        ValueError, OSError: in one sentence, if the Hub refuses.
    """
    files = collect(repo_id, hardware, weights)
    api = check_access(repo_id)
    try:
        _create(api, repo_id, hardware, private=private)
        if weights:
            api.add_space_variable(repo_id, "PIXELCNN_WEIGHTS", weights)
        message = f"Update the page, for {hardware}"
        commit(api, repo_id, files, repo_type="space", message=message, replace=REPLACED)
    except HUB_ERRORS as error:
        raise OSError(
            f"{repo_id} could not be deployed: {_refusal(error, repo_id, hardware)}."
        ) from error
    return f"{api.endpoint}/spaces/{repo_id}"


def _create(api: HfApi, repo_id: str, hardware: str, *, private: bool) -> None:
    """A new Space on that hardware, or one that exists, moved to it."""
    if hardware == STATIC:
        options = {"repo_type": "space", "space_sdk": "static", "exist_ok": True}
        api.create_repo(repo_id, private=private or None, **options)  # type: ignore[arg-type]
        return
    if not api.repo_exists(repo_id, repo_type="space"):
        api.create_repo(
            repo_id,
            repo_type="space",
            space_sdk="gradio",
            space_hardware=hardware,  # type: ignore[arg-type]  # the enumeration lacks zero-a10g
            private=private or None,
        )
        return
    runtime = api.get_space_runtime(repo_id)
    if hardware not in (runtime.hardware, runtime.requested_hardware):
        api.request_space_hardware(repo_id, hardware)  # type: ignore[arg-type]


def _refusal(error: BaseException, repo_id: str, hardware: str) -> str:
    """As `explain`, but a 402 has its own meaning here."""
    if isinstance(error, HfHubHTTPError) and error.response.status_code == 402:
        other = "" if hardware == "zero-a10g" else ", or take --hardware zero-a10g, which is free"
        return f"a Space on {hardware} needs a paid plan (402): subscribe to one{other}"
    return explain(error, repo_id)


def wait(
    repo_id: str, *, limit_s: float = BUILD_LIMIT_S, sleep: Callable[[float], None] = time.sleep
) -> None:
    """Wait until the Space runs.

    Raises:
        OSError: in one sentence, if its build fails, or takes longer than the limit.
    """
    api = HfApi()
    shown, end = None, time.monotonic() + limit_s
    while time.monotonic() < end:
        try:
            stage = str(api.get_space_runtime(repo_id).stage)
        except HUB_ERRORS as error:
            raise OSError(f"{repo_id} cannot be watched: {explain(error, repo_id)}.") from error
        if stage != shown:
            print(stage.lower().replace("_", " "), flush=True)
            shown = stage
        if stage == RUNNING:
            return
        if stage in FAILED:
            raise OSError(f"{repo_id} does not run ({stage}): its logs on the Hub say why.")
        sleep(POLL_S)
    raise OSError(f"{repo_id} still does not run after {limit_s:.0f} s ({shown}).")


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    add = parser.add_argument
    add("repo_id", metavar="ns/name", help="the Space, created if need be")
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument("--hardware", choices=HARDWARE, help=f"default: {HARDWARE[0]}")
    kind.add_argument("--static", action="store_true", help="plain files, free; no endpoints")
    add("--weights", metavar="hf://NAMESPACE/NAME[@REVISION]", help="take these, not ours")
    add("--private", action="store_true", help="make a new Space a private one")
    add("--wait", action="store_true", help="wait until it runs")
    add("--dry-run", type=Path, metavar="FOLDER", help="upload nothing: write the files there")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    """Deploy, or write what would be deployed."""
    args = parse_args(argv)
    with one_sentence():
        if args.weights and not REPO_ID.fullmatch(_repo_of(args.weights)):
            raise ValueError(
                f"--weights must be hf://NAMESPACE/NAME[@REVISION], got {args.weights}."
            )
        if args.static and args.weights:
            raise ValueError("--static takes the weights of this repository: leave --weights out.")
        if not (ROOT / "app.py").is_file():
            raise FileNotFoundError(
                "A Space is made of a clone of the repository, with its docs and app.py, which an installed"
                " package lacks: run this command in a clone."
            )
        hardware = STATIC if args.static else args.hardware or HARDWARE[0]
        if args.dry_run:
            files = collect(args.repo_id, hardware, args.weights)
            size = write(files, args.dry_run)
            print("\n".join(sorted(files)))
            print(f"{len(files)} files, {size / 1e6:.1f} MB, in {args.dry_run}")
            return
        url = upload(args.repo_id, hardware, args.weights, private=args.private)
        print(url, flush=True)
        if args.wait:
            wait(args.repo_id)


if __name__ == "__main__":
    main()
