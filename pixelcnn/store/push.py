"""Push weights to the Hugging Face Hub: one commit with everything that was recorded about them."""

import io
from pathlib import Path

from pixelcnn.density.model import PixelCNN
from pixelcnn.store.card import model_card
from pixelcnn.store.folder import (
    CARD,
    CONFIG,
    CURVES,
    GRIDS,
    LOG,
    METRICS,
    SAMPLES,
    TRAINING,
    TYPICALITY,
    WEIGHTS,
    grids,
    load_folder,
    locate,
    read_reference,
)
from pixelcnn.store.grid import sample_grid
from pixelcnn.store.hub import HUB_ERRORS, check_access, commit, explain
from pixelcnn.store.record import read_record
from pixelcnn.store.stages import check_stages

# Files of an earlier push are deleted where this one does not bring them: they tell of other weights.
RECORDS = (METRICS, TYPICALITY, TRAINING, LOG, CURVES, SAMPLES, GRIDS)


def push(folder: Path, repo_id: str, *, private: bool = False, revision: str | None = None) -> str:
    """Push a model, with its card, to a repository that is created if need be.

    Args:
        folder: of a model, or of a run: then its best weights are pushed.
        repo_id: ns/name.
        private: whether a new repository is for its owner only; one that exists is not changed.
        revision: branch to commit to, created if need be; main, if not given.

    Returns:
        The address of what was pushed.

    Raises:
        OSError: in one sentence, if the folder holds no model, or the Hub refuses.
        ValueError: in one sentence, if a file in the folder is damaged, or `repo_id` is none.
    """
    files = collect(folder, repo_id)
    api = check_access(repo_id)
    try:
        url = api.create_repo(repo_id, private=private or None, exist_ok=True)
        if revision:
            api.create_branch(repo_id, branch=revision, exist_ok=True)
        message = f"Push {WEIGHTS} with its card"
        commit(
            api,
            repo_id,
            files,
            repo_type="model",
            message=message,
            replace=RECORDS,
            revision=revision,
        )
    except HUB_ERRORS as error:
        raise OSError(f"Pushing to {repo_id} failed: {explain(error, repo_id)}.") from error
    return f"{url}/tree/{revision}" if revision else str(url)


def collect(folder: Path, repo_id: str) -> dict[str, Path | bytes]:
    """What is pushed for a folder: paths in the repository, and contents or where they lie.

    Raises:
        FileNotFoundError, ValueError: in one sentence, if there is no model, or a file is damaged.
    """
    weights, run = locate(folder)
    model = load_folder(weights, reference=False)
    read_reference(weights, model)  # refuses what would be pushed along
    files: dict[str, Path | bytes] = {name: weights / name for name in (CONFIG, WEIGHTS)}
    record = read_record(weights, run)
    check_stages(record.stages, weights)
    recorded = [weights / METRICS, weights / TYPICALITY, run / TRAINING, run / LOG, run / CURVES]
    for path in (*recorded, *grids(run).values()):
        if path.is_file():
            files[path.name] = path
    card = model_card(model, record, repo_id, weights)
    return files | {SAMPLES: samples_png(model), CARD: card.encode()}


def samples_png(model: PixelCNN) -> bytes:
    """A grid of samples, drawn from exactly these weights: a run's last grid may be of other ones."""
    file = io.BytesIO()
    sample_grid(model, seed=0).save(file, "PNG")
    return file.getvalue()
