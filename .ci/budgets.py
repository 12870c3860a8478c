"""Size budgets: a file holds one concept (250 lines), a function one thought (50 lines), and a
folder the answers to one question (16 files)."""

import ast
import sys
from collections import Counter
from pathlib import Path

FILE_LINES, FUNCTION_LINES, FOLDER_FILES = 250, 50, 16
VAGUE = {"util", "utils", "helper", "helpers", "misc", "common", "manager"}


def over_budget(path: Path) -> list[str]:
    source = path.read_text("utf-8")
    lines = source.count("\n")
    found = [f"{path}: {lines} lines, allowed {FILE_LINES}"] if lines > FILE_LINES else []
    if VAGUE & set(path.stem.strip("_").split("_")):
        found.append(f"{path}: the name does not say what is inside")
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > FUNCTION_LINES:
                found.append(
                    f"{path}:{node.lineno} {node.name}: {length} lines, allowed {FUNCTION_LINES}"
                )
    return found


def full_folders(paths: list[Path]) -> list[str]:
    counts = Counter(path.parent for path in paths)
    return [
        f"{folder}: {count} files, allowed {FOLDER_FILES}"
        for folder, count in counts.items()
        if count > FOLDER_FILES
    ]


if __name__ == "__main__":
    paths = [p for package in ("streamcam", "engines") for p in sorted(Path(package).rglob("*.py"))]
    problems = [problem for path in paths for problem in over_budget(path)] + full_folders(paths)
    print("\n".join(problems) or "size budgets kept")
    sys.exit(bool(problems))
