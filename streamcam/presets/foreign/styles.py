"""Styles: AUTOMATIC1111's styles.csv, a name, a prompt and a negative prompt a line.

`{prompt}` stands for one's own words there. Here those are the camera's picture, so it goes. Old
files call the prompt `text`. Names in dashes and without a prompt are headings.
"""

from __future__ import annotations

import csv
import io
from pathlib import Path

from streamcam.config import display, read_text
from streamcam.errors import UsageError
from streamcam.presets.foreign import USUAL, Foreign, Table
from streamcam.presets.foreign.words import adopted

SUFFIX = ".csv"


def read_styles(path: Path) -> dict[str, Foreign]:
    """The looks of a file by their names. Raises `UsageError` naming file and line."""
    lines = csv.DictReader(io.StringIO(read_text(path), newline=""), skipinitialspace=True)
    try:
        columns = [name.strip() for name in lines.fieldnames or ()]
        prompt = next((name for name in ("prompt", "text") if name in columns), None)
        if "name" not in columns or prompt is None:
            raise UsageError(
                f"{display(path)} is no file of styles: its first line must be "
                "name,prompt,negative_prompt."
            )
        lines.fieldnames = columns
        return dict(_styles(lines, prompt))
    except csv.Error as error:
        raise UsageError(f"{display(path)}, line {lines.line_num}: {error}.") from error


def _styles(lines: csv.DictReader[str], prompt: str) -> list[tuple[str, Foreign]]:
    found = []
    for line in lines:
        name, words = (line.get("name") or "").strip(), line.get(prompt) or ""
        avoided = line.get("negative_prompt") or ""
        if name and (words.strip() or avoided.strip()):
            found.append((name, _style(words, avoided)))
    return found


def _style(words: str, avoided: str) -> Foreign:
    prompt, said = adopted(words)
    negative, also_said = adopted(avoided)
    table: Table = {"prompt": prompt, **USUAL}
    if negative:
        table["negative_prompt"] = negative
    return Foreign(table, (*said, *also_said))
