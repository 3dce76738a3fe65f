"""The tables and the indexes that serve the lists. No statement is made here.

Rows refer to one another by small numbers (`seq`), and are known to the outside by 16-byte ids: a task run then costs
170 bytes with its indexes. There are no foreign keys: the transactions of this package keep the references
(docs/adr/0014-rows-refer-by-numbers.md). JSON is kept as text, as it was said.
Times are integer microseconds UTC. `changed` is the number of the transaction that last touched a row.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from sqlalchemy import (
    UUID,
    BigInteger,
    Column,
    Dialect,
    Float,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.types import TypeDecorator, TypeEngine

from penstock.core.states import StateType

ID_BYTES = 16


class HexId(TypeDecorator[str]):
    """An id: 32 hexadecimal digits in Python, 16 bytes on SQLite, a UUID on PostgreSQL."""

    impl = LargeBinary
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Choose the column's type."""
        if dialect.name == "postgresql":
            return dialect.type_descriptor(UUID(as_uuid=False))
        return dialect.type_descriptor(LargeBinary(ID_BYTES))

    def process_bind_param(self, value: str | None, dialect: Dialect) -> Any:
        """Turn digits into what the driver takes."""
        return value if value is None or dialect.name == "postgresql" else bytes.fromhex(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> str | None:
        """Turn what the driver gives into digits."""
        if value is None:
            return None
        digits: str = value.replace("-", "") if dialect.name == "postgresql" else value.hex()
        return digits


BIG = BigInteger().with_variant(Integer, "sqlite")

WHERE = "where"
"""Key of an index's `info`: the condition of rows that it holds. SQLAlchemy's own `postgresql_where` would load that
dialect wherever SQLite is used, 25 ms; `schema.py` writes the condition down."""

metadata = MetaData()


def _seq(*, given: bool = False) -> Column[int]:
    """A row's number: counted by the database, or given by the statement that makes the row."""
    return (
        Column("seq", BIG, primary_key=True, autoincrement=False)
        if given
        else Column("seq", BIG, Identity(), primary_key=True)
    )


def _table(name: str, *parts: Any, **options: Any) -> Table:
    return Table(name, metadata, *parts, **options)


def count_column(state_type: str) -> str:
    """The column of `flow_run` that counts its task runs of a state type."""
    return f"{state_type.lower()}_tasks"


COUNT_COLUMNS = {type_: count_column(type_) for type_ in StateType}

counter = _table(
    "counter",
    Column("name", Text, primary_key=True),
    Column("value", BIG, nullable=False),
    sqlite_with_rowid=False,
)

workspace = _table(
    "workspace",
    Column("id", Integer, Identity(), primary_key=True),
    Column("name", Text, nullable=False, unique=True),
)

flow = _table(
    "flow",
    _seq(),
    Column("workspace_id", Integer, nullable=False),
    Column("name", Text, nullable=False),
    Column("created_at", BIG, nullable=False),
    UniqueConstraint("workspace_id", "name", name="uq_flow_name"),
)

writer = _table(
    "writer",
    _seq(),
    Column("workspace_id", Integer, nullable=False),
    Column("id", HexId, nullable=False),
    Column("host", Text),
    Column("boot_id", Text),
    Column("pid", Integer),
    Column("mark", BIG, nullable=False),
    Column("tasks", Text, nullable=False),
    Column("seen_at", BIG, nullable=False),
    Column("closed_at", BIG),
    Column("lease_until", BIG),
    Column("environment", Text),
    UniqueConstraint("workspace_id", "id", name="uq_writer_id"),
)
_leased = writer.c.lease_until.is_not(None)
Index("ix_writer_lease", writer.c.lease_until, info={WHERE: _leased})
"""A process that journals. `lease_until` is set where nobody here can look at its lock. `mark` is its last
record taken in; `tasks` maps task ids to the `task` rows it defined; `environment` says by which Python it runs."""

flow_run = _table(
    "flow_run",
    _seq(),
    Column("workspace_id", Integer, nullable=False),
    Column("id", HexId, nullable=False),
    Column("flow_seq", BIG, nullable=False),
    Column("name", Text, nullable=False),
    Column("state_type", Text, nullable=False),
    Column("state_name", Text, nullable=False),
    Column("state_at", BIG, nullable=False),
    Column("state_reason", Text),
    Column("state_message", Text),
    Column("epoch", Integer, nullable=False),
    Column("version", Integer, nullable=False),
    Column("writer_seq", BIG),
    Column("parent_run_id", HexId),
    Column("parent_task_run_id", HexId),
    Column("created_at", BIG, nullable=False),
    Column("expected_start_at", BIG),
    Column("start_at", BIG, nullable=False),
    Column("started_at", BIG),
    Column("taken_at", BIG),
    Column("ended_at", BIG),
    Column("cancel_requested_at", BIG),
    Column("changed", BIG, nullable=False),
    *(Column(name, Integer, nullable=False, server_default=text("0")) for name in COUNT_COLUMNS.values()),
    Column("flow_version", Text),
    Column("code_version", Text),
    Column("entrypoint", Text),
    Column("tags", Text),
    Column("upstream", LargeBinary),
    Column("result", Text),
    Column("parameters", Text),
    Column("deployment", Text),
    Column("deployment_version", Integer),
    UniqueConstraint("workspace_id", "id", name="uq_flow_run_id"),
)
"""`start_at` is what lists are sorted by: the start, known or expected, else the creation. `taken_at` is when the
current epoch began."""
Index("ix_flow_run_start", flow_run.c.workspace_id, flow_run.c.start_at, flow_run.c.seq)
Index("ix_flow_run_state", flow_run.c.workspace_id, flow_run.c.state_type, flow_run.c.start_at, flow_run.c.seq)
Index("ix_flow_run_flow", flow_run.c.flow_seq, flow_run.c.start_at, flow_run.c.seq)
Index("ix_flow_run_name", flow_run.c.workspace_id, flow_run.c.name, flow_run.c.start_at, flow_run.c.seq)
Index("ix_flow_run_changed", flow_run.c.changed)
_has_parent = flow_run.c.parent_run_id.is_not(None)
Index(
    "ix_flow_run_parent",
    flow_run.c.parent_run_id,
    flow_run.c.start_at,
    flow_run.c.seq,
    info={WHERE: _has_parent},
)
_deployed = flow_run.c.deployment.is_not(None)
ix_flow_run_deployment = Index(
    "ix_flow_run_deployment",
    flow_run.c.flow_seq,
    flow_run.c.deployment,
    flow_run.c.start_at,
    flow_run.c.seq,
    info={WHERE: _deployed},
)
_open = flow_run.c.ended_at.is_(None)
Index("ix_flow_run_open", flow_run.c.writer_seq, info={WHERE: _open})

flow_run_state = _table(
    "flow_run_state",
    _seq(),
    Column("flow_run_seq", BIG, nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("at", BIG, nullable=False),
    Column("type", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("reason", Text),
    Column("message", Text),
)
Index("ix_flow_run_state_run", flow_run_state.c.flow_run_seq, flow_run_state.c.epoch, flow_run_state.c.seq)

task = _table(
    "task",
    _seq(),
    Column("workspace_id", Integer, nullable=False),
    Column("id", HexId, nullable=False),
    Column("source_hash", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("tags", Text),
    Column("retries", Integer, nullable=False),
    Column("description", Text),
    UniqueConstraint("workspace_id", "id", "source_hash", name="uq_task_id"),
)
"""A task function, once for each text of its source: a resumed run must know what the recorded calls ran."""

task_run = _table(
    "task_run",
    _seq(),
    Column("id", HexId, nullable=False, unique=True),
    Column("flow_run_seq", BIG, nullable=False),
    Column("task_seq", BIG, nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("parent_id", HexId),
    Column("ordinal", Integer, nullable=False),
    Column("name", Text),
    Column("tags", Text),
    Column("upstream", LargeBinary),
    Column("created_at", BIG, nullable=False),
    Column("state_type", Text, nullable=False),
    Column("state_name", Text, nullable=False),
    Column("reason", Text),
    Column("message", Text),
    Column("attempt", Integer, nullable=False),
    Column("started_at", BIG),
    Column("ended_at", BIG),
    Column("result", Text),
    Column("cache_key", Text),
    Column("attempts", Text),
    Column("changed", BIG, nullable=False),
)
# SQLite ends every index with the row's number by itself.
Index("ix_task_run_flow_run", task_run.c.flow_run_seq).ddl_if(dialect="sqlite")
Index("ix_task_run_flow_run_pg", task_run.c.flow_run_seq, task_run.c.seq).ddl_if(dialect="postgresql")
_unusual = task_run.c.state_type != StateType.COMPLETED.value
Index(
    "ix_task_run_state",
    task_run.c.flow_run_seq,
    task_run.c.state_type,
    info={WHERE: _unusual},
)

log = _table(
    "log",
    _seq(given=True),
    Column("flow_run_seq", BIG, nullable=False),
    Column("task_run_id", HexId),
    Column("epoch", Integer, nullable=False),
    Column("at", BIG, nullable=False),
    Column("level", SmallInteger, nullable=False),
    Column("logger", Text, nullable=False),
    Column("message", Text, nullable=False),
)
"""`seq` is a position: the transaction's `changed` and the place within it, so that followers miss nothing."""
Index("ix_log_flow_run", log.c.flow_run_seq).ddl_if(dialect="sqlite")
Index("ix_log_flow_run_pg", log.c.flow_run_seq, log.c.seq).ddl_if(dialect="postgresql")
_of_task = log.c.task_run_id.is_not(None)
Index("ix_log_task_run", log.c.task_run_id, log.c.seq, info={WHERE: _of_task})

event = _table(
    "event",
    _seq(given=True),
    Column("workspace_id", Integer, nullable=False),
    Column("id", HexId, nullable=False),
    Column("at", BIG, nullable=False),
    Column("kind", Text, nullable=False),
    Column("resource", Text, nullable=False),
    Column("related", Text),
    Column("actor", Text),
    Column("cause", Text),
    Column("schema_version", SmallInteger, nullable=False),
    Column("payload", Text),
    Column("flow_run_seq", BIG),
    UniqueConstraint("workspace_id", "id", name="uq_event_id"),
)
_of_run = event.c.flow_run_seq.is_not(None)
Index("ix_event_flow_run", event.c.flow_run_seq, info={WHERE: _of_run})
Index("ix_event_kind", event.c.workspace_id, event.c.kind, event.c.seq)

artifact = _table(
    "artifact",
    _seq(),
    Column("workspace_id", Integer, nullable=False),
    Column("id", HexId, nullable=False),
    Column("key", Text),
    Column("type", Text, nullable=False),
    Column("description", Text),
    Column("flow_run_seq", BIG),
    Column("task_run_id", HexId),
    Column("created_at", BIG, nullable=False),
    Column("updated_at", BIG, nullable=False),
    Column("changed", BIG, nullable=False),
    Column("data", Text),
    UniqueConstraint("workspace_id", "id", name="uq_artifact_id"),
)
_keyed = artifact.c.key.is_not(None)
Index(
    "ix_artifact_key",
    artifact.c.workspace_id,
    artifact.c.key,
    artifact.c.seq,
    info={WHERE: _keyed},
)
Index("ix_artifact_flow_run", artifact.c.flow_run_seq, artifact.c.seq)
Index("ix_artifact_workspace", artifact.c.workspace_id, artifact.c.seq)

variable = _table(
    "variable",
    Column("workspace_id", Integer, primary_key=True, autoincrement=False),
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
    Column("tags", Text),
    Column("created_at", BIG, nullable=False),
    Column("updated_at", BIG, nullable=False),
)

dataset_use = _table(
    "dataset_use",
    _seq(),
    Column("workspace_id", Integer, nullable=False),
    Column("flow_run_seq", BIG),
    Column("task_run_id", HexId),
    Column("at", BIG, nullable=False),
    Column("action", Text, nullable=False),
    Column("dataset", Text, nullable=False),
    Column("location", Text, nullable=False),
    Column("version", BIG, nullable=False),
    Column("write_key", Text),
    Column("rows", BIG),
    Column("bytes", BIG),
    Column("schema_digest", Text),
    Column("details", Text),
)
Index("ix_dataset_use_dataset", dataset_use.c.workspace_id, dataset_use.c.dataset, dataset_use.c.seq)
Index("ix_dataset_use_workspace", dataset_use.c.workspace_id, dataset_use.c.seq)
Index("ix_dataset_use_flow_run", dataset_use.c.flow_run_seq, dataset_use.c.seq)
_with_key = dataset_use.c.write_key.is_not(None)
Index(
    "ix_dataset_use_key",
    dataset_use.c.workspace_id,
    dataset_use.c.write_key,
    dataset_use.c.seq,
    info={WHERE: _with_key},
)

concurrency_limit = _table(
    "concurrency_limit",
    _seq(),
    Column("workspace_id", Integer, nullable=False),
    Column("name", Text, nullable=False),
    Column("slots", Integer, nullable=False),
    Column("decay_per_second", Float),
    Column("used", Float, nullable=False),
    Column("used_at", BIG, nullable=False),
    Column("created_at", BIG, nullable=False),
    Column("updated_at", BIG, nullable=False),
    UniqueConstraint("workspace_id", "name", name="uq_concurrency_limit_name"),
)
"""So many at once or, with `decay_per_second`, so many in a time: then `used` is what was taken at `used_at`."""

concurrency_slot = _table(
    "concurrency_slot",
    _seq(),
    Column("limit_seq", BIG, nullable=False),
    Column("id", HexId, nullable=False),
    Column("occupied", Integer, nullable=False),
    Column("holder", Text),
    Column("taken_at", BIG, nullable=False),
    Column("expires_at", BIG, nullable=False),
    Column("flow_run_id", HexId),
    UniqueConstraint("limit_seq", "id", name="uq_concurrency_slot_id"),
)
"""Slots that somebody holds, until they are given back or the lease ends. A row that occupies none is of somebody who waits."""
Index("ix_concurrency_slot_id", concurrency_slot.c.id)

FULL_TEXT: Mapping[str, Sequence[str]] = MappingProxyType(
    {
        "sqlite": (
            "CREATE VIRTUAL TABLE log_fts USING fts5(message, content='log', content_rowid='seq')",
            "CREATE TRIGGER log_said AFTER INSERT ON log BEGIN"
            " INSERT INTO log_fts (rowid, message) VALUES (new.seq, new.message); END",
            "CREATE TRIGGER log_gone AFTER DELETE ON log BEGIN"
            " INSERT INTO log_fts (log_fts, rowid, message) VALUES ('delete', old.seq, old.message); END",
        ),
        "postgresql": ("CREATE INDEX ix_log_message ON log USING gin (to_tsvector('simple', message))",),
    }
)
"""Words in log lines, found by the database's own means; the last statements of the schema."""
