"""The Hugging Face Hub: models fetched from it, commits to it, and its errors in plain words.

What goes to the Hub goes through `commit`, whether it is a model or a Space.
"""

import re
from collections.abc import Mapping
from fnmatch import fnmatch
from pathlib import Path

from pixelcnn.refusals import extra
from pixelcnn.store.folder import (
    CONFIG,
    GRIDS,
    LOG,
    METRICS,
    TRAINING,
    TYPICALITY,
    WEIGHTS,
)

with extra("hub"):
    from httpx2 import HTTPError
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, snapshot_download
    from huggingface_hub.constants import ENDPOINT
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        LocalEntryNotFoundError,
        LocalTokenNotFoundError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

# What is fetched of a model: itself, and what is said and shown of it.
FETCHED = (CONFIG, WEIGHTS, METRICS, TYPICALITY, TRAINING, LOG, GRIDS)

REPO_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", re.ASCII)
LOGIN = "run `hf auth login`, or set HF_TOKEN to a token that may write"

# What the client raises: most of it is an OSError; a lost connection is httpx2's, and where a large file is
# not taken it is a RuntimeError.
HUB_ERRORS = (OSError, ValueError, HTTPError, RuntimeError)


def fetch(repo_id: str, *, revision: str | None = None) -> Path:
    """The folder of what the Hub holds under an id, downloaded once.

    Args:
        repo_id: NAMESPACE/NAME, or NAMESPACE/NAME@REVISION.
        revision: branch, tag or commit.

    Raises:
        OSError: in one sentence, if the Hub does not have it, or cannot be reached and the cache lacks it.
        ValueError: in one sentence, if `repo_id` is none.
    """
    name, at, wanted = repo_id.partition("@")
    if not REPO_ID.fullmatch(name) or (at and (revision or not wanted)):
        raise ValueError(f"A Hub id is NAMESPACE/NAME or NAMESPACE/NAME@REVISION, got {repo_id}.")
    revision = revision or wanted or None
    try:
        return Path(snapshot_download(name, revision=revision, allow_patterns=list(FETCHED)))
    except HUB_ERRORS as error:
        there = f"{name} at {revision}" if revision else name
        raise OSError(
            f"{there} could not be loaded from the Hub: {explain(error, name, writing=False)}."
        ) from error


def explain(error: BaseException, repo_id: str, *, writing: bool = True) -> str:
    """Say in plain words, and in part of a sentence, why the Hub refused to read or write a repository."""
    if isinstance(error, (LocalEntryNotFoundError, RuntimeError)) and error.__cause__:
        return explain(error.__cause__, repo_id, writing=writing)
    login = f"run `hf auth login`, or set HF_TOKEN to a token that may {'write' if writing else 'read it'}"
    if isinstance(error, LocalTokenNotFoundError):
        return f"there is no token: {login}"
    if isinstance(error, OfflineModeIsEnabled):
        return (
            "offline mode is on (HF_HUB_OFFLINE) and it was not downloaded before: unset that once"
        )
    if isinstance(error, RevisionNotFoundError):
        return "it has no such revision"
    if isinstance(error, GatedRepoError):
        return f"its owner admits people by request: ask at {ENDPOINT}/{repo_id}, then {login}"
    if isinstance(error, RepositoryNotFoundError):
        return "there is no such repository, or the token may not see it"
    if isinstance(error, HfHubHTTPError):
        status = error.response.status_code
        known = {
            401: f"the token is missing or not valid (401): {login}",
            402: "the account's plan does not include this (402)",
            403: f"the token may not do this (403): {login}",
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
        raise ValueError(f"A Hub id is NAMESPACE/NAME, got {repo_id}.")
    api = HfApi()
    try:
        token = api.whoami().get("auth", {}).get("accessToken", {})
    except HUB_ERRORS as error:
        raise OSError(f"Nothing can be pushed to {repo_id}: {explain(error, repo_id)}.") from error
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
