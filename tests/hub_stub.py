"""A Hugging Face Hub on this machine, as far as our commands use it: the client is the real one.

Repositories with branches and commits, large files by git-lfs, Spaces with hardware and variables. It is not
more lenient than the Hub: tokens are checked, and a missing thing is a 404 with the Hub's own error code.
"""

import base64
import functools
import hashlib
import json
import re
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

WRITER, READER = "hf_writer", "hf_reader"
LARGE = (".safetensors",)  # goes by git-lfs, as .gitattributes says on the Hub


@dataclass
class Repo:
    """One repository; a commit is a dict of its files."""

    created: dict
    commits: list[dict[str, bytes]] = field(default_factory=lambda: [{}])
    branches: dict[str, int] = field(default_factory=lambda: {"main": 0})
    messages: list[str] = field(default_factory=list)
    variables: dict[str, str] = field(default_factory=dict)
    hardware: str | None = None
    stages: list[str] = field(default_factory=lambda: ["RUNNING"])

    def index(self, revision: str) -> int | None:
        shas = {self.sha(k): k for k in range(len(self.commits))}
        return self.branches.get(revision, shas.get(revision))

    def sha(self, index: int) -> str:
        return hashlib.sha1(f"{id(self)} {index}".encode()).hexdigest()

    def files(self, revision: str = "main") -> dict[str, bytes]:
        return self.commits[self.branches[revision]]


class Refused(Exception):
    def __init__(self, status: int, code: str = "", message: str = "") -> None:
        self.status, self.code, self.message = status, code, message


class HubStub:
    """Listens on a free port from the start; `repos` are kept by type and id, as in `models/ns/name`."""

    def __init__(self) -> None:
        self.repos: dict[str, Repo] = {}
        self.large: dict[str, bytes] = {}
        self.refusals: list[tuple[re.Pattern, int, str]] = []
        self.cut: set[str] = set()  # files whose transfer breaks off
        self.requests: list[str] = []
        stub = self

        class Bound(Handler):
            hub = stub

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Bound)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        # A shutdown is heard at the next poll.
        serve = functools.partial(self.server.serve_forever, poll_interval=0.01)
        self.thread = threading.Thread(target=serve, daemon=True)
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    @contextmanager
    def refusing(self, pattern: str, status: int, *, code: str = ""):
        """Answer requests that match, as in `POST /api/repos`, with that status, and the Hub's error code."""
        self.refusals.append((re.compile(pattern), status, code))
        try:
            yield
        finally:
            self.refusals.pop()

    def put(self, name: str, files: dict[str, bytes], branch: str = "main") -> str:
        """Commit files to a repository, which is made if need be; returns the commit's hash."""
        repo = self.repos.setdefault(name, Repo({}))
        repo.commits.append(files)
        repo.branches[branch] = len(repo.commits) - 1
        return repo.sha(repo.branches[branch])


class Handler(BaseHTTPRequestHandler):
    # Small answers wait for no acknowledgement, which takes 40 ms each.
    disable_nagle_algorithm = True
    hub: HubStub
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments) -> None:
        pass

    def _answer(self) -> None:
        self.body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.path_, query = urlsplit(self.path)[2:4]
        self.query = parse_qs(query)
        line = f"{self.command} {unquote(self.path_)}"
        self.hub.requests.append(line)
        try:
            for pattern, status, code in self.hub.refusals:
                if pattern.match(line):
                    raise Refused(status, code, message="refused by the test")
            for pattern, method in ROUTES:
                if match := re.fullmatch(pattern, line):
                    return method(self, *match.groups())
            raise Refused(404, message=f"the stub has no {line}")
        except Refused as refused:
            headers = {"X-Error-Code": refused.code} if refused.code else {}
            self._send({"error": refused.message}, refused.status, headers)

    do_GET = do_HEAD = do_POST = do_PUT = _answer

    def _send(self, content, status=200, headers=None) -> None:
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(data))} | (headers or {})).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def _token(self) -> str:
        return self.headers.get("Authorization", "").removeprefix("Bearer ")

    def _may_write(self) -> None:
        if self._token() != WRITER:
            raise Refused(403 if self._token() == READER else 401, message="Invalid credentials")

    def _repo(self, kind: str, name: str) -> Repo:
        repo = self.hub.repos.get(f"{kind}/{name}")
        if repo is None:
            raise Refused(404, "RepoNotFound", "Repository not found")
        return repo

    def _commit_of(self, repo: Repo, revision: str) -> int:
        index = repo.index(unquote(revision))
        if index is None:
            raise Refused(404, "RevisionNotFound", "Invalid rev id")
        return index

    def whoami(self) -> None:
        roles = {WRITER: "write", READER: "read"}
        if self._token() not in roles:
            raise Refused(401, message="Invalid credentials in Authorization header")
        role = roles[self._token()]
        self._send({"name": "someone", "auth": {"accessToken": {"role": role}}})

    def create(self) -> None:
        self._may_write()
        wanted = json.loads(self.body)
        kind, name = f"{wanted.get('type', 'model')}s", f"{wanted['organization']}/{wanted['name']}"
        prefix = "" if kind == "models" else f"{kind}/"
        url = {"url": f"{self.hub.url}/{prefix}{name}"}
        if f"{kind}/{name}" in self.hub.repos:
            return self._send(url | {"error": "You already created this repo"}, 409)
        repo = self.hub.repos[f"{kind}/{name}"] = Repo(wanted, hardware=wanted.get("hardware"))
        repo.commits[0] = {".gitattributes": b"*.safetensors filter=lfs\n"}
        return self._send(url)

    def branch(self, kind: str, name: str, branch: str) -> None:
        self._may_write()
        repo = self._repo(kind, name)
        if branch in repo.branches:
            raise Refused(409, message="Reference already exists")
        repo.branches[branch] = repo.branches["main"]
        self._send({})

    def validate_yaml(self) -> None:
        text = json.loads(self.body)["content"]
        errors = [] if text.startswith("---\n") else [{"message": "no metadata"}]
        self._send({"errors": errors, "warnings": []})

    def preupload(self, kind: str, name: str, revision: str) -> None:
        self._may_write()
        self._commit_of(self._repo(kind, name), revision)
        paths = [file["path"] for file in json.loads(self.body)["files"]]
        modes = {path: "lfs" if path.endswith(LARGE) else "regular" for path in paths}
        self._send(
            {
                "files": [
                    {"path": path, "uploadMode": mode, "shouldIgnore": False}
                    for path, mode in modes.items()
                ]
            }
        )

    def lfs_batch(self) -> None:
        self._may_write()
        objects = [
            wanted
            | {"actions": {"upload": {"href": f"{self.hub.url}/lfs/{wanted['oid']}", "header": {}}}}
            for wanted in json.loads(self.body)["objects"]
        ]
        self._send({"transfer": "basic", "objects": objects})

    def lfs_put(self, oid: str) -> None:
        assert hashlib.sha256(self.body).hexdigest() == oid
        self.hub.large[oid] = self.body
        self._send({})

    def commit(self, kind: str, name: str, revision: str) -> None:
        self._may_write()
        repo = self._repo(kind, name)
        files = dict(repo.commits[self._commit_of(repo, revision)])
        for line in self.body.splitlines():
            entry = json.loads(line)
            value = entry["value"]
            match entry["key"]:
                case "header":
                    repo.messages.append(value["summary"])
                case "file":
                    files[value["path"]] = base64.b64decode(value["content"])
                case "lfsFile":
                    files[value["path"]] = self.hub.large[value["oid"]]
                case "deletedFile":
                    del files[value["path"]]
        sha = self.hub.put(f"{kind}/{name}", files, unquote(revision))
        self._send({"commitUrl": f"{self.hub.url}/{name}/commit/{sha}", "commitOid": sha})

    def info(self, kind: str, name: str, revision: str = "main") -> None:
        repo = self._repo(kind, name)
        sha = repo.sha(self._commit_of(repo, revision))
        self._send({"id": name, "sha": sha, "private": False, "tags": [], "siblings": []})

    def tree(self, kind: str, name: str, revision: str) -> None:
        repo = self._repo(kind, name)
        files = repo.commits[self._commit_of(repo, revision)]
        self._send(
            [
                {"type": "file", "path": path, "size": len(data), "oid": _etag(data)}
                for path, data in files.items()
            ]
        )

    def resolve(self, name: str, revision: str, path: str) -> None:
        repo = self._repo("models", name)
        index = self._commit_of(repo, revision)
        headers = {"X-Repo-Commit": repo.sha(index)}
        if path not in repo.commits[index]:
            raise Refused(404, "EntryNotFound", "Entry not found")
        data = repo.commits[index][path]
        headers |= {"ETag": f'"{_etag(data)}"', "Content-Length": str(len(data))}
        if path in self.hub.cut and self.command == "GET":
            self.close_connection = True
            data = data[: len(data) // 2]
        self._send(data, headers=headers)

    def runtime(self, name: str) -> None:
        repo = self._repo("spaces", name)
        stage = repo.stages.pop(0) if len(repo.stages) > 1 else repo.stages[0]
        hardware = {"current": repo.hardware, "requested": repo.hardware}
        self._send({"stage": stage, "hardware": hardware, "storage": None, "gcTimeout": None})

    def hardware(self, name: str) -> None:
        self._may_write()
        self._repo("spaces", name).hardware = json.loads(self.body)["flavor"]
        self.runtime(name)

    def variable(self, name: str) -> None:
        self._may_write()
        wanted = json.loads(self.body)
        self._repo("spaces", name).variables[wanted["key"]] = wanted["value"]
        self._send({wanted["key"]: {"value": wanted["value"]}})


def _etag(data: bytes) -> str:
    return hashlib.sha1(data).hexdigest()


KIND, NAME = "(models|spaces)", r"([^/]+/[^/]+)"
ROUTES = [
    ("GET /api/whoami-v2", Handler.whoami),
    ("POST /api/repos/create", Handler.create),
    ("POST /api/validate-yaml", Handler.validate_yaml),
    (f"POST /api/{KIND}/{NAME}/branch/(.+)", Handler.branch),
    (f"POST /api/{KIND}/{NAME}/preupload/(.+)", Handler.preupload),
    (f"POST /api/{KIND}/{NAME}/commit/(.+)", Handler.commit),
    (r"POST /.*\.git/info/lfs/objects/batch", Handler.lfs_batch),
    ("PUT /lfs/(.+)", Handler.lfs_put),
    (f"GET /api/spaces/{NAME}/runtime", Handler.runtime),
    (f"POST /api/spaces/{NAME}/hardware", Handler.hardware),
    (f"POST /api/spaces/{NAME}/variables", Handler.variable),
    (f"GET /api/{KIND}/{NAME}/tree/(.+)", Handler.tree),
    (f"GET /api/{KIND}/{NAME}/revision/(.+)", Handler.info),
    (f"GET /api/{KIND}/{NAME}", Handler.info),
    (f"(?:GET|HEAD) /{NAME}/resolve/([^/]+)/(.+)", Handler.resolve),
]
