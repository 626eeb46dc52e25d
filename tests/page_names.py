"""The names by which the page's files refer to each other, as a test reads them."""

import re

from bench.page_server import ROOT

FILE = re.compile(
    r'"([\w./-]+\.(?:css|gif|html|jpe?g|js|json|jsonl|md|png|safetensors|svg|wasm|webmanifest|webp))"'
)
COMMENT = re.compile(r"^\s*(?://|/?\*).*$", re.MULTILINE)
TEXTS = (".css", ".html", ".js", ".webmanifest")


def named(root=ROOT, web="web"):
    """Files that those of `web/` import, name or keep, by place; and names that lead nowhere."""
    found, lost = set(), set()
    for path in sorted((root / web).rglob("*")):
        if path.suffix not in TEXTS or "src" in path.parts:
            continue
        for name in FILE.findall(COMMENT.sub("", path.read_text())):
            places = [(folder / name).resolve() for folder in (path.parent, root / web)]
            there = [place for place in places if place.is_file()]
            found |= {place.relative_to(root).as_posix() for place in there[:1]}
            if "/" in name and not there:
                lost.add((path.relative_to(root).as_posix(), name))
    return found, lost
