"""What the page names is wherever the page is. (`test_packaging.py` looks into the wheel.)"""

import re
import subprocess

import pytest

from pixelcnn.space import main
from pixelcnn.ui import static
from tests.page_names import named
from tests.page_server import ROOT


def test_every_name_leads_to_a_file():
    found, lost = named()
    assert lost == set()
    assert {"web/js/how/view.js", "web/engine/worker.js", "web/engine/engine.wasm"} <= found
    assert {"web/css/tour.css", "web/icon-512.png", "weights/binary/model.safetensors"} <= found


def test_what_is_generated_is_up_to_date():
    files = static.site(static.our_models())
    for name in static.GENERATED:
        assert (ROOT / name).read_bytes() == files[name], "run `python -m pixelcnn.ui.static`"


def dry_run(folder, *options):
    main(["someone/digits", *options, "--dry-run", str(folder)])


def pages(folder):
    """Run what the workflow copies."""
    workflow = (ROOT / ".github" / "workflows" / "pages.yml").read_text()
    (copy,) = re.findall(r"- run: (mkdir .*)", workflow)
    command = re.sub(r"\bsite\b", str(folder), copy)
    subprocess.run(["bash", "-euc", command], cwd=ROOT, check=True)


DEPLOYMENTS = {
    "a static Space": lambda folder: dry_run(folder, "--static"),
    "a Space of Gradio": dry_run,
    "GitHub Pages": pages,
}


@pytest.mark.parametrize("deployment", DEPLOYMENTS)
def test_whatever_the_page_names_is_in(deployment, tmp_path):
    folder = tmp_path / "folder"
    DEPLOYMENTS[deployment](folder)
    wanted, _ = named()
    if deployment == "a Space of Gradio":  # it shows no link from the root
        wanted -= {"index.html"}
    assert wanted == {name for name in wanted if (folder / name).is_file()}
    assert named(folder)[1] == set()


def test_the_page_on_other_models_keeps_those(tmp_path):
    folders = {name: static.WEIGHTS / name for name in ("gray", "residual")}
    files = static.site(folders)
    assert b'data-models="gray residual"' in files["web/index.html"]
    assert {"weights/gray/config.json", "weights/gray/model.safetensors"} <= {
        *static.kept_whole(files)
    }
    assert not [name for name in files if name.startswith("weights/binary")]
    assert b"weights/binary" not in files["web/sw.js"]
    assert files["web/sw.js"] != (ROOT / "web" / "sw.js").read_bytes()


@pytest.mark.parametrize("name", ["a b", 'x"', "", "../x"])
def test_a_model_whose_name_is_no_part_of_an_address_is_refused(name):
    with pytest.raises(
        ValueError, match=r"^A model's name is of letters, digits, _, - and \., got"
    ):
        static.site({name: static.WEIGHTS / "gray"})


def test_a_clone_has_the_same_bytes_whatever_git_does_to_lines(tmp_path):
    """As on Windows, where git turns the line ends of texts unless it is told otherwise."""
    if not (ROOT / ".git").exists():
        pytest.skip("This is no clone.")
    clone = tmp_path / "clone"
    git = ["git", "-c", "core.autocrlf=true", "-c", "core.eol=crlf"]
    subprocess.run([*git, "clone", "-q", "--no-checkout", ROOT, clone], check=True)
    attributes = ROOT / ".gitattributes"
    (clone / ".git" / "info" / "attributes").write_bytes(attributes.read_bytes())
    subprocess.run([*git, "checkout", "-q", "HEAD"], cwd=clone, check=True)
    lines = subprocess.run(
        [*git, "ls-files", "--eol"], cwd=clone, check=True, capture_output=True, text=True
    ).stdout.splitlines()
    assert len(lines) > 100
    ends = [re.findall(r"\b[iw]/(\S*)", line.partition("\t")[0]) for line in lines]
    assert [line for line, (index, tree) in zip(lines, ends, strict=True) if index != tree] == []
