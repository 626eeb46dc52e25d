"""The page as plain files: which they are, and the lists of them that the page itself holds.

`web/index.html` has the tags of the modules to fetch at once, and within it the script that runs first.
`web/sw.js` has every file that it keeps, with its hash. The root's `index.html` leads to the page. These are
generated: after a change in `web/` or of weights run

    python -m pixelcnn.ui.static
"""

import base64
import hashlib
import html
import re
from collections.abc import Mapping
from pathlib import Path
from posixpath import dirname, join, normpath

from pixelcnn.store.names import HOME, WEIGHTS

WEB = HOME / "web"

Files = dict[str, Path | bytes]  # by their names in the site: contents, or where they lie

SOURCES = (".c", ".h", ".md", ".py", ".pyc")  # lie in web/, and no browser asks for them
# What the page reads of a model at its start; and of how it was trained, when someone looks.
MODEL = ("config.json", "model.safetensors", "typicality.json")
READ = (".json", ".jsonl", ".md", ".safetensors")
PICTURES = (".png",)  # its card shows them

GENERATED = ("index.html", "web/index.html", "web/sw.js")
ENTRY = "web/js/static.js"
EARLY = "web/js/early.js"  # within the page
FORWARD = "web/js/forward.js"  # within the page of the root
VENDORED = "web/vendor/"  # other people's: browsers compare the hash

IMPORT = re.compile(r'^(?:import|export)\b[^"();]*"(\.\.?/[^"]+)";', re.MULTILINE)
COMMENT = re.compile(r"^\s*(?://|/?\*).*$", re.MULTILINE)
# How a file names another one.
NAMES = {
    ".css": re.compile(r'url\("?([^")]+)'),
    ".html": re.compile(r'\b(?:href|src)="([^":]+)"'),
    ".js": re.compile(r'"(\.\.?/[^"]*[^"/])"'),
    ".webmanifest": re.compile(r'"src": "([^"]+)"'),
}
PICTURE = re.compile(r'content="(?:web/)?preview\.png"')
TAGS = re.compile(
    r'<title>.*?</title>|<meta (?:name="description"|property="og:|name="twitter:)[^>]*>'
)
ROOT_PAGE = """\
<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src {allowed}; img-src 'self'; base-uri 'none'; form-action 'none'">
    <script>{script}</script>
    {tags}
    <link rel="icon" href="web/icon.svg">
    <meta http-equiv="refresh" content="1; url=web/index.html">
  </head>
  <body>
    <p><a href="web/index.html">The page</a></p>
  </body>
</html>
"""  # noqa: E501


def page_files() -> dict[str, Path]:
    """The files of `web/` that are served, by their names there."""
    paths = (path for path in sorted(WEB.rglob("*")) if path.is_file())
    return {path.relative_to(WEB).as_posix(): path for path in paths if path.suffix not in SOURCES}


def our_models() -> dict[str, Path]:
    """The folders of the models that come with the page, by name, its default first."""
    page = (WEB / "index.html").read_text(encoding="utf-8")
    names = re.findall(r'data-models="([^"]+)"', page)[0].split()
    return {name: WEIGHTS / name for name in names}


def site(
    models: Mapping[str, Path],
    *,
    space: str | None = None,
    picture: str | None = None,
    alone: bool = False,
) -> Files:
    """All files of the page on these models.

    Args:
        models: folders by name; the first is the page's default.
        space: the Space that it will run in.
        picture: absolute address of the picture that previews of a link show, where it is known.
        alone: the repository's README.md and docs/, to which it links, do not lie beside it.

    Raises:
        ValueError: in one sentence, if a model's name cannot be part of an address.
    """
    for name in models:
        if not re.fullmatch(r"\w[\w.-]*", name, re.ASCII):
            raise ValueError(f"A model's name is of letters, digits, _, - and ., got {name!r}.")
    files: Files = {f"web/{name}": path for name, path in page_files().items()}
    for name, folder in models.items():
        for path in sorted(folder.iterdir()):
            if path.suffix in READ + PICTURES and path.is_file():
                files[f"weights/{name}/{path.name}"] = path
    page = _text(files["web/index.html"])
    page = re.sub(r'data-models="[^"]*"', f'data-models="{" ".join(models)}"', page)
    if space:
        page = page.replace("<html ", f'<html data-space="{html.escape(space)}" ', 1)
    if alone:
        page = page.replace("<html ", "<html data-alone ", 1)
    if picture:
        page = with_picture(page, picture)
    files["index.html"] = _root_page(page, _text(files[FORWARD])).encode()
    files["web/index.html"] = _with_scripts(page, files).encode()
    files["web/sw.js"] = _with_lists(_text(files["web/sw.js"]), files).encode()
    return files


def write(files: Files, folder: Path) -> int:
    """Write the files into a folder that is new or empty; returns their size in bytes.

    Raises:
        ValueError: in one sentence, if the folder holds something.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ValueError(f"{folder} is not empty: give a new folder.")
    size = 0
    for name, content in files.items():
        data = content if isinstance(content, bytes) else content.read_bytes()
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
        size += len(data)
    return size


def with_picture(page: str, address: str) -> str:
    """The page, with the picture of its previews at an absolute address."""
    return PICTURE.sub(f'content="{html.escape(address)}"', page)


def names_in(name: str, text: str) -> list[str]:
    """The files that a file of the page names, as it names them."""
    suffix = name[name.rfind(".") :]
    code = COMMENT.sub("", text) if suffix == ".js" else text
    return NAMES[suffix].findall(code) if suffix in NAMES else []


def kept_whole(files: Files) -> list[str]:
    """What the views need: the files that the page names, those that they name, and its default model."""
    found = ["web/index.html"]
    for name in found:
        for other in names_in(name, _text(files[name])) if _is_text(name) else ():
            place = normpath(join(dirname(name), other))
            if place in files and place not in found and place.startswith("web/"):
                found.append(place)
    default = _default_model(files)
    return sorted([*found, *(name for name in default if name in files)])


def _default_model(files: Files) -> list[str]:
    name = re.findall(r'data-models="([^" ]+)', _text(files["web/index.html"]))[0]
    return [f"weights/{name}/{file}" for file in MODEL]


def _with_lists(worker: str, files: Files) -> str:
    """The service worker, with the files to be kept."""
    whole = kept_whole(files)
    later = [
        name
        for name in sorted(files)
        if name.startswith("weights/") and name.endswith(READ) and name not in whole
    ]
    for constant, names in (("WHOLE", whole), ("LATER", later)):
        lines = "".join(f'\n  "{_from_page(name)}": "{_hash(files[name])}",' for name in names)
        start, rest = worker.split(f"const {constant} = {{", 1)
        end = "\n" if lines else ""
        worker = f"{start}const {constant} = {{{lines}{end}{rest[rest.index('};') :]}"
    return worker


def _with_scripts(page: str, files: Files) -> str:
    """The page, with the script that comes first, its hash in the policy, and the tags of all modules."""
    script = _text(files[EARLY])
    head, tag, rest = page.partition("<script>")
    page = f"{head}{tag}{_inlined(script)}</script>{rest.partition('</script>')[2]}"
    allowed = f"script-src 'self' {_allowed(script)} 'wasm-unsafe-eval'"
    page = re.sub(r"script-src [^;]*", allowed, page, count=1)
    tags = ""
    for name in _modules(files):
        tags += f'    <link rel="modulepreload" href="{_from_page(name)}"'
        if name.startswith(VENDORED):
            tags += f' integrity="{_hash(files[name], kind="sha384")}"'
        tags += ">\n"
    return re.sub(r'(?: *<link rel="modulepreload"[^>]*>\n)+', tags, page, count=1)


def _root_page(page: str, script: str) -> str:
    """What leads from the root of a site to the page."""
    tags = [tag.replace('"preview.png"', '"web/preview.png"') for tag in TAGS.findall(page)]
    return ROOT_PAGE.format(
        allowed=_allowed(script), script=_inlined(script), tags="\n    ".join(tags)
    )


def _modules(files: Files) -> list[str]:
    """All modules that are imported at the start."""
    found = [ENTRY]
    for name in found:
        others = (
            normpath(join(dirname(name), each)) for each in IMPORT.findall(_text(files[name]))
        )
        found += [other for other in dict.fromkeys(others) if other not in found]
    return sorted(found)


def _inlined(script: str) -> str:
    """A script as it stands between its tags."""
    lines = (f"      {line}".rstrip() for line in script.splitlines())
    return "\n".join(["", *lines, "    "])


def _allowed(script: str) -> str:
    """The source of a script between tags, for a content security policy."""
    return f"'{_hash(_inlined(script).encode())}'"


def _hash(content: Path | bytes, *, kind: str = "sha256") -> str:
    data = content if isinstance(content, bytes) else content.read_bytes()
    return f"{kind}-{base64.b64encode(hashlib.new(kind, data).digest()).decode()}"


def _from_page(name: str) -> str:
    """The name of a file of the site as the page has it."""
    return name.removeprefix("web/") if name.startswith("web/") else f"../{name}"


def _is_text(name: str) -> bool:
    return name.endswith(tuple(NAMES))


def _text(content: Path | bytes) -> str:
    return (content if isinstance(content, bytes) else content.read_bytes()).decode()


def main() -> None:
    """Bring the lists of this clone up to date."""
    files = site(our_models())
    for name in GENERATED:
        content = files[name]
        if isinstance(content, bytes) and (HOME / name).read_bytes() != content:
            (HOME / name).write_bytes(content)
            print(f"{name} is brought up to date.")


if __name__ == "__main__":
    main()
