"""The plan of the house: every folder is on its README's map, and no file hides from another."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDER = re.compile(r"(?<![\w./(])((?:\w+/)+)(?=[\s,;:)]|$)")


def sources(package):
    return sorted((ROOT / package).rglob("*.py"))


def on_the_map(package):
    """The folders that the first block of a README which begins with `NAME/` or `NAME.py` names.

    What is indented, or stands further right, lies in the folder that its lines began with.
    """
    text = (ROOT / package / "README.md").read_text("utf-8")
    blocks = re.findall(r"^```\w*\n(.*?)^```$", text, re.M | re.S)
    lines = next(block for block in blocks if re.match(r"\w+(/|\.py) ", block)).splitlines()
    named, top = set(), ""
    for line in lines:
        begins = re.match(r"(\w+)(/|\.py)", line)
        if begins:
            top = begins[1] if begins[2] == "/" else ""
            named |= {top} - {""}
            line = line[begins.end() :]
        named |= {f"{top}/{found.rstrip('/')}".lstrip("/") for found in FOLDER.findall(line)}
    return named


@pytest.mark.parametrize("package", ["streamcam", "engines"])
def test_the_map_names_every_folder_and_no_other(package):
    folders = {path.parent.relative_to(ROOT / package).as_posix() for path in sources(package)}
    assert on_the_map(package) == folders - {"."}


@pytest.mark.parametrize("package", ["streamcam", "engines"])
def test_the_map_names_every_file_beside_the_folders(package):
    text = (ROOT / package / "README.md").read_text("utf-8")
    plain = {"__init__.py", "__main__.py", *BENEATH}
    beside = {path.name for path in (ROOT / package).glob("*.py")} - plain
    assert not [name for name in beside if not re.search(rf"^{name} ", text, re.M)]


# What every folder of the app stands on: one file each, whose names say it all.
BENEATH = {"errors.py", "packages.py", "plugins.py", "priority.py", "stage.py", "stats.py"}


@pytest.mark.parametrize("package", ["streamcam", "engines"])
def test_no_file_and_no_name_is_reached_past_its_underscore(package):
    """import-linter knows modules by whole names, so it cannot say this."""
    hidden = re.compile(r"(^|\.)_(?!_)")
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}: {node.module} {alias.name}"
        for path in sources(package)
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in HOUSE
        for alias in node.names
        if hidden.search(f"{node.module}.{alias.name}")
    ]
    assert found == []
    assert not [path for path in sources(package) if hidden.match(path.name)]


HOUSE = {"streamcam", "engines"}
