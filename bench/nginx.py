"""Runs a real nginx with docs/nginx.conf, on free ports of this machine."""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from bench.page_server import ROOT, free_port, wait_for

CONFIG = ROOT / "docs" / "nginx.conf"
TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


class Served(NamedTuple):
    """Where nginx serves."""

    files: str  # address
    endpoints: str  # address
    process: int


@contextmanager
def nginx(replicas: Sequence[str] = (), *, root: Path = ROOT) -> Iterator[Served]:
    """Serve a folder as plain files, and two replicas as one.

    Args:
        replicas: addresses of the two, http://127.0.0.1:PORT; without them there are files only.
        root: folder that holds `web` and `weights`.

    Raises:
        RuntimeError: if nginx does not start.
    """
    program = shutil.which("nginx") or "/usr/sbin/nginx"
    ports = free_port(), free_port()
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "nginx.conf"
        config.write_text(render(root, ports, replicas), encoding="utf-8")
        settings = f"daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log;"
        if os.geteuid() == 0:
            settings += " user root;"  # who reads what we read
        command = [program, "-p", folder, "-e", "error.log", "-c", str(config), "-g", settings]
        server = subprocess.Popen(command)
        try:
            wait_for(f"http://127.0.0.1:{ports[0]}/web/index.html", server)
            files, endpoints = (f"http://127.0.0.1:{port}" for port in ports)
            yield Served(files, endpoints, server.pid)
        finally:
            server.terminate()
            server.wait()


def render(root: Path, ports: tuple[int, int], replicas: Sequence[str]) -> str:
    """docs/nginx.conf with other ports and another folder, and all that it writes beside itself."""
    changes = {"listen 8080": f"listen 127.0.0.1:{ports[0]}"}
    changes["listen 8081"] = f"listen 127.0.0.1:{ports[1]}"
    changes["/srv/pixelcnn"] = str(root)
    for port, address in zip(("7861", "7862"), replicas, strict=False):
        changes[port] = address.rsplit(":", 1)[1]
    temporary = "".join(f"\n    {name}_temp_path {name};" for name in TEMPORARY)
    changes["http {"] = "http {" + temporary
    return re.sub("|".join(changes), lambda found: changes[found[0]], CONFIG.read_text("utf-8"))
