"""Size budgets: a file holds one concept (250 lines), a function one thought (50 lines)."""

import ast
import sys
from pathlib import Path

FILE_LINES, FUNCTION_LINES = 250, 50
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


if __name__ == "__main__":
    problems = [
        problem
        for package in ("streamcam", "engines")
        for path in sorted(Path(package).rglob("*.py"))
        for problem in over_budget(path)
    ]
    print("\n".join(problems) or "size budgets kept")
    sys.exit(bool(problems))
