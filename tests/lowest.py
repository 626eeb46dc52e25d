"""The lowest versions that pyproject.toml allows, as requirements: `python -m tests.lowest > lowest.txt`."""

import tomllib
from pathlib import Path

from packaging.requirements import Requirement

PYPROJECT = Path(__file__).resolve().parents[1] / "pyproject.toml"


def lowest() -> list[str]:
    """One line for each dependency, those of the extras among them.

    Raises:
        ValueError: if a range has no lower end, or several.
    """
    project = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]
    lines = []
    extras = project["optional-dependencies"].values()
    wanted = {each.name: each for texts in extras for each in map(Requirement, texts)}
    wanted |= {each.name: each for each in map(Requirement, project["dependencies"])}
    for each in wanted.values():
        (version,) = (one.version for one in each.specifier if one.operator == ">=")
        lines.append(f"{each.name}=={version}")
    return lines


if __name__ == "__main__":
    print("\n".join(lowest()))
