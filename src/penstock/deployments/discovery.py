"""Flows in the files of a folder, found by reading: nothing is imported."""

import ast
from pathlib import Path

from penstock.deployments.folders import list_python_files

FILES_READ_MAX = 1_000
BYTES_READ_MAX = 1_000_000


def find_flows(folder: Path) -> list[str]:
    """Entrypoints of the functions that `@flow` decorates, as `path/file.py:function`; files that cannot be read have none."""
    found: list[str] = []
    for path in list_python_files(folder)[:FILES_READ_MAX]:
        try:
            if (folder / path).stat().st_size > BYTES_READ_MAX:
                continue
            content = (folder / path).read_text(encoding="utf-8")
            tree = ast.parse(content) if "flow" in content else None
        except (OSError, ValueError, SyntaxError):
            continue
        found += [
            f"{Path(path).as_posix()}:{node.name}"
            for node in (tree.body if tree is not None else ())
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and any(map(_is_flow, node.decorator_list))
        ]
    return found


def _is_flow(decorator: ast.expr) -> bool:
    if isinstance(decorator, ast.Call):
        decorator = decorator.func
    name = decorator.attr if isinstance(decorator, ast.Attribute) else getattr(decorator, "id", "")
    return bool(name == "flow")
