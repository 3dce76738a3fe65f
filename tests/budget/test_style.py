"""Rules of the house that no linter knows."""

import ast
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2] / "src" / "penstock"
NAMES_THAT_SAY_NOTHING = {"utils", "util", "common", "helpers", "base", "manager", "misc"}


def test_every_module_is_a_noun_that_says_something() -> None:
    assert [] == [str(path.relative_to(SOURCE)) for path in modules() if path.stem in NAMES_THAT_SAY_NOTHING]


def test_an_import_inside_a_function_says_why() -> None:
    assert [] == [place for path in modules() for place in unexplained_imports(path)]


def modules() -> list[Path]:
    return sorted(SOURCE.rglob("*.py"))


def unexplained_imports(path: Path) -> list[str]:
    """Imports in functions of a module whose line, or the one above, lacks a comment `# lazy: library, cost`."""
    text = path.read_text(encoding="utf-8")
    lines = ["", *text.splitlines()]
    found = {
        node.lineno
        for function in ast.walk(ast.parse(text))
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom)
        and not any("# lazy:" in line for line in lines[node.lineno - 1 : (node.end_lineno or node.lineno) + 1])
    }
    return [f"{path.relative_to(SOURCE)}:{number}: {lines[number].strip()}" for number in sorted(found)]
