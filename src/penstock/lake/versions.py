"""What a dataset's version is: a value that says what was committed, by whom, and what became of the schema."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

Mode = Literal["append", "overwrite", "merge"]

COMMIT_PREFIX = "penstock."


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One committed version of a dataset."""

    dataset: str
    location: str
    number: int
    written_at: datetime
    operation: str
    """`append`, `overwrite`, `merge`, `widen`, or what another program called it."""
    rows: int | None = None
    """The rows that were written; none where another program wrote and did not say."""
    rows_replaced: int | None = None
    """The rows that were there before and are not any more; known right after an overwrite."""
    rows_total: int | None = None
    """The rows that the version holds; known right after a write."""
    bytes_total: int | None = None
    """The size of the files that hold them; known right after a write."""
    schema_digest: str | None = None
    schema_changes: tuple[str, ...] = ()
    """What the write changed about the schema, in words; empty if nothing."""
    write_key: str | None = None
    flow_run_id: str | None = None
    task_run_id: str | None = None
    epoch: int | None = None
    code_version: str | None = None
    repeated: bool = False
    """This write had been committed before (by an attempt that ended too early to know), and was not repeated."""

    @property
    def schema_changed(self) -> bool:
        """Whether the write changed the dataset's schema."""
        return bool(self.schema_changes)

    def __str__(self) -> str:
        return f"{self.dataset} version {self.number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """What a commit says of the run that made it; kept in the commit itself."""

    operation: str
    rows: int | None
    schema_digest: str
    schema_changes: Sequence[str] = ()
    write_key: str | None = None
    flow_run_id: str | None = None
    task_run_id: str | None = None
    epoch: int | None = None
    code_version: str | None = None

    def as_metadata(self) -> dict[str, str]:
        """The signature as a commit keeps it: texts, each under a name of ours."""
        values: dict[str, Any] = {
            "operation": self.operation,
            "rows": self.rows,
            "schema_digest": self.schema_digest,
            "schema_changes": json.dumps(list(self.schema_changes)) if self.schema_changes else None,
            "write_key": self.write_key,
            "flow_run_id": self.flow_run_id,
            "task_run_id": self.task_run_id,
            "epoch": self.epoch,
            "code_version": self.code_version,
        }
        return {COMMIT_PREFIX + name: str(value) for name, value in values.items() if value is not None}

    @staticmethod
    def key_of(commit: Mapping[str, Any]) -> str | None:
        """The write key that a commit was signed with."""
        return commit.get(f"{COMMIT_PREFIX}write_key")


def version_from_commit(dataset: str, location: str, commit: Mapping[str, Any]) -> Version:
    """Read one entry of a table's history, whoever wrote it."""
    said = {name.removeprefix(COMMIT_PREFIX): value for name, value in commit.items() if name.startswith(COMMIT_PREFIX)}
    metrics = commit.get("operationMetrics") or {}
    rows = said.get("rows", metrics.get("num_added_rows"))
    return Version(
        dataset=dataset,
        location=location,
        number=commit["version"],
        written_at=datetime.fromtimestamp(commit.get("timestamp", 0) / 1000, UTC),
        operation=said.get("operation") or str(commit.get("operation", "unknown")).lower(),
        rows=None if rows is None else int(rows),
        schema_digest=said.get("schema_digest"),
        schema_changes=tuple(json.loads(said.get("schema_changes", "[]"))),
        write_key=said.get("write_key"),
        flow_run_id=said.get("flow_run_id"),
        task_run_id=said.get("task_run_id"),
        epoch=int(said["epoch"]) if "epoch" in said else None,
        code_version=said.get("code_version"),
    )
