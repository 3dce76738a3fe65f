"""What every place of code can do, and the two that need no transport: a folder, and an image."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from penstock.deployments.errors import CodeUnavailable
from penstock.deployments.folders import version_of_folder


@dataclass(frozen=True, slots=True)
class Resolved:
    """Code that is here now."""

    folder: Path
    code_version: str | None
    """A commit, or a digest; none if there is too much of it to say."""


@runtime_checkable
class CodeStorage(Protocol):
    """A place that code is kept in. Object stores join by these two."""

    def pull(self, destination: Path) -> Resolved:
        """Bring the code here. `destination` is a folder of Penstock's own, kept from run to run, which several processes
        may use at once: what is there already need not be fetched again. Raises `CodeUnavailable`."""

    def as_step(self) -> Mapping[str, Any]:
        """The pull step that does so where a run is: one step's name with its options. It holds no secrets, only the
        names of the blocks that do."""


@dataclass(frozen=True, slots=True)
class LocalFolder:
    """A folder of this machine, or one that all machines see at the same path."""

    path: str | Path

    def pull(self, destination: Path) -> Resolved:
        """The folder itself: nothing is copied. Raises `CodeUnavailable`."""
        folder = Path(self.path).expanduser().absolute()
        if not folder.is_dir():
            raise CodeUnavailable(f"The code's folder {folder} is not there.")
        return Resolved(folder, version_of_folder(folder))

    def as_step(self) -> Mapping[str, Any]:
        """Work in that folder."""
        return {"set_working_directory": {"directory": str(Path(self.path).expanduser().absolute())}}


@dataclass(frozen=True, slots=True)
class InImage:
    """A folder within the image that a run's container is made of."""

    path: str

    def pull(self, destination: Path) -> Resolved:
        """The folder itself. Raises `CodeUnavailable`."""
        folder = Path(self.path)
        if not folder.is_dir():
            raise CodeUnavailable(
                f"The folder {folder} is not there. It lies within an image: run it by a docker or kubernetes worker."
            )
        return Resolved(folder, version_of_folder(folder))

    def as_step(self) -> Mapping[str, Any]:
        """Work in that folder."""
        return {"set_working_directory": {"directory": self.path}}
