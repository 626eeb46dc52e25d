"""The Hugging Face Hub: models fetched from it, commits to it, and its errors in plain words.

What goes to the Hub goes through `commit`, whether it is a model or a Space.
"""

import re
from collections.abc import Mapping
from fnmatch import fnmatch
from pathlib import Path

import torch
from httpx2 import HTTPError
from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, snapshot_download
from huggingface_hub.errors import (
    HfHubHTTPError,
    LocalEntryNotFoundError,
    LocalTokenNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from pixelcnn.density.model import PixelCNN
from pixelcnn.store.folder import (
    CONFIG,
    GRIDS,
    LOG,
    METRICS,
    TRAINING,
    TYPICALITY,
    WEIGHTS,
    load_folder,
)

# What is fetched of a model: itself, and what is said and shown of it.
FETCHED = (CONFIG, WEIGHTS, METRICS, TYPICALITY, TRAINING, LOG, GRIDS)

REPO_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", re.ASCII)
LOGIN = "run `hf auth login`, or set HF_TOKEN to a token that may write"

# What the client raises: most of it is an OSError; a lost connection is httpx2's, and where a large file is
# not taken it is a RuntimeError.
HUB_ERRORS = (OSError, ValueError, HTTPError, RuntimeError)


def load(
    source: str | Path, device: str | torch.device = "cpu", *, revision: str | None = None
) -> PixelCNN:
    """Load a model, in eval mode.

    Args:
        source: a folder with `config.json` and `model.safetensors`, or a repository on the Hub; see `fetch`.
        device: to load it to.
        revision: branch, tag or commit on the Hub.

    Raises:
        FileNotFoundError: if the folder lacks one of the two files.
        OSError: in one sentence, if the Hub does not have it, or cannot be reached.
        ValueError: in one sentence, if a file is damaged, the two do not fit each other, or there is no such
            device.
    """
    return load_folder(fetch(source, revision=revision), device)


def fetch(source: str | Path, *, revision: str | None = None) -> Path:
    """The folder of a model: `source` itself, or what the Hub holds under that id, downloaded once.

    Args:
        source: a folder, which comes first where there is one of that name; or `ns/name` on the Hub, or
            `ns/name@revision`.
        revision: branch, tag or commit on the Hub; then `source` is an id.

    Raises:
        OSError: in one sentence, if the Hub does not have it, or cannot be reached and the cache lacks it.
        ValueError: if `revision` is given and `source` is no id.
    """
    repo_id, at, wanted = str(source).partition("@")
    if revision is None and (isinstance(source, Path) or Path(source).is_dir()):
        return Path(source)
    if not REPO_ID.fullmatch(repo_id) or (at and (revision or not wanted)):
        if revision is None and not at:
            return Path(source)
        raise ValueError(f"A Hub id is ns/name or ns/name@revision, got {source}.")
    revision = revision or wanted or None
    try:
        return Path(snapshot_download(repo_id, revision=revision, allow_patterns=list(FETCHED)))
    except HUB_ERRORS as error:
        name = f"{repo_id} at {revision}" if revision else repo_id
        raise OSError(
            f"{name} is no folder here and could not be loaded from the Hub: {explain(error)}."
        ) from error


def explain(error: BaseException) -> str:
    """Say in plain words, and in part of a sentence, why the Hub refused."""
    if isinstance(error, (LocalEntryNotFoundError, RuntimeError)) and error.__cause__:
        return explain(error.__cause__)
    if isinstance(error, LocalTokenNotFoundError):
        return f"there is no token: {LOGIN}"
    if isinstance(error, RevisionNotFoundError):
        return "it has no such revision"
    if isinstance(error, RepositoryNotFoundError):
        return "there is no such repository, or the token may not see it"
    if isinstance(error, HfHubHTTPError):
        status = error.response.status_code
        known = {
            401: f"the token is missing or not valid (401): {LOGIN}",
            402: "the account's plan does not include this (402)",
            403: f"the token may not do this (403): {LOGIN}",
        }
        return known.get(status, f"the Hub answered {status}")
    if isinstance(error, (HTTPError, ConnectionError, LocalEntryNotFoundError)):
        return "the Hub could not be reached"
    return str(error).strip().partition("\n")[0].rstrip(".")


def check_access(repo_id: str) -> HfApi:
    """The client of the Hub, if something could be pushed to `repo_id` as far as one can tell beforehand.

    Raises:
        ValueError: in one sentence, if `repo_id` is none.
        OSError: in one sentence, if there is no token, or it is not valid or may only read, or the Hub cannot
            be reached.
    """
    if not REPO_ID.fullmatch(repo_id):
        raise ValueError(f"A Hub id is ns/name, got {repo_id}.")
    api = HfApi()
    try:
        token = api.whoami().get("auth", {}).get("accessToken", {})
    except HUB_ERRORS as error:
        raise OSError(f"Nothing can be pushed to {repo_id}: {explain(error)}.") from error
    if token.get("role") == "read":
        raise OSError(f"Nothing can be pushed to {repo_id}: the token may only read; {LOGIN}.")
    return api


def commit(
    api: HfApi,
    repo_id: str,
    files: Mapping[str, Path | bytes],
    *,
    repo_type: str,
    message: str,
    replace: tuple[str, ...],
    revision: str | None = None,
) -> str:
    """Put files into a repository that exists, in one commit.

    Args:
        api: the client.
        repo_id: ns/name.
        files: contents, or where they lie, by path in the repository.
        repo_type: model or space.
        message: of the commit.
        replace: patterns; what matches there and is not among `files` is deleted.
        revision: a branch; main, if not given.

    Returns:
        The id of the commit.
    """
    there = api.list_repo_files(repo_id, repo_type=repo_type, revision=revision)
    old = [path for path in there if any(fnmatch(path, pattern) for pattern in replace)]
    operations = [CommitOperationAdd(path, content) for path, content in sorted(files.items())]
    deleted = [CommitOperationDelete(path) for path in old if path not in files]
    info = api.create_commit(
        repo_id,
        [*operations, *deleted],
        commit_message=message,
        repo_type=repo_type,
        revision=revision,
    )
    return info.oid
