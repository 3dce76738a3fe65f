"""What goes wrong when flows are deployed, and when their code is fetched."""

from pathlib import Path

from penstock.core.errors import PenstockError


class ProjectInvalid(PenstockError, ValueError):
    """`penstock.yaml` says something that cannot be: `where` is the key, `line` its line in the file."""

    def __init__(self, path: Path | str, problem: str, *, where: str = "", line: int | None = None):
        self.path, self.problem, self.where, self.line = Path(path), problem, where, line
        place = f"{path}" if line is None else f"{path}, line {line}"
        super().__init__(f"{place}: {f'`{where}` ' if where else ''}{problem}.")


class CodeUnavailable(PenstockError):
    """The code of a deployment cannot be fetched, or is not where it should be."""


class StepFailed(PenstockError):
    """A build, push or pull step did not do what it was to do."""

    def __init__(self, step: str, why: str):
        self.step, self.why = step, why
        super().__init__(f"Step `{step}` failed: {why}")


class NotDeployable(PenstockError, ValueError):
    """A flow cannot be deployed as it was asked for."""
