"""The tables of deployments, schedules, runs that are asked for, work pools and workers.

A module of its own: a process that only runs flows loads none of it. `schema.py` makes them with the others.
"""

from sqlalchemy import BigInteger, Boolean, Column, Identity, Index, Integer, Table, Text, UniqueConstraint

from penstock.store.tables import BIG, WHERE, HexId, metadata

deployment = Table(
    "deployment",
    metadata,
    Column("seq", BIG, Identity(), primary_key=True),
    Column("workspace_id", Integer, nullable=False),
    Column("id", HexId, nullable=False),
    Column("flow_seq", BIG, nullable=False),
    Column("name", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("paused", Boolean, nullable=False),
    Column("pool_seq", BIG),
    Column("tags", Text),
    Column("created_at", BIG, nullable=False),
    Column("updated_at", BIG, nullable=False),
    Column("changed", BIG, nullable=False),
    UniqueConstraint("workspace_id", "flow_seq", "name", name="uq_deployment_name"),
    UniqueConstraint("workspace_id", "id", name="uq_deployment_id"),
)
"""`version` is the current one's number; `pool_seq` and `tags` follow it. A number is never given to a second deployment:
runs and versions of one that is gone keep theirs."""
Index("ix_deployment_pool", deployment.c.pool_seq)

deployment_version = Table(
    "deployment_version",
    metadata,
    Column("seq", BIG, Identity(), primary_key=True),
    Column("deployment_seq", BIG, nullable=False),
    Column("number", Integer, nullable=False),
    Column("spec", Text, nullable=False),
    Column("work_queue", Text),
    Column("created_at", BIG, nullable=False),
    Column("actor", Text, nullable=False),
    UniqueConstraint("deployment_seq", "number", name="uq_deployment_version"),
)
"""What one deploy said, never changed; `work_queue` is a part of it."""

schedule = Table(
    "schedule",
    metadata,
    Column("seq", BIG, Identity(), primary_key=True),
    Column("workspace_id", Integer, nullable=False),
    Column("deployment_seq", BIG, nullable=False),
    Column("slug", Text, nullable=False),
    Column("definition", Text, nullable=False),
    Column("active", Boolean, nullable=False),
    Column("done_until", BIG, nullable=False),
    Column("last_at", BIG),
    Column("next_at", BIG),
    Column("due_at", BIG),
    UniqueConstraint("deployment_seq", "slug", name="uq_schedule_slug"),
)
"""Ticks up to `done_until` were dealt with; `last_at` is the last of them that came, `next_at` when the next run is to come. `due_at` is when
to look: at the next tick, also one that is skipped, or at one that was moved; none while the schedule or its deployment rests."""
_due = schedule.c.due_at.is_not(None)
Index("ix_schedule_due", schedule.c.due_at, info={WHERE: _due})

schedule_exception = Table(
    "schedule_exception",
    metadata,
    Column("seq", BIG, Identity(), primary_key=True),
    Column("schedule_seq", BIG, nullable=False),
    Column("fire_at", BIG, nullable=False),
    Column("moved_to", BIG),
    Column("fired", Boolean, nullable=False),
    UniqueConstraint("schedule_seq", "fire_at", name="uq_schedule_exception"),
)
"""A tick that is skipped (`moved_to` is none) or moved; `fired` tells that the moved one has had its run."""

run_request = Table(
    "run_request",
    metadata,
    Column("flow_run_seq", BIG, primary_key=True, autoincrement=False),
    Column("workspace_id", Integer, nullable=False),
    Column("deployment_seq", BIG),
    Column("version", Integer, nullable=False),
    Column("pool_seq", BIG),
    Column("queue_seq", BIG),
    Column("status", Text, nullable=False),
    Column("due_at", BIG, nullable=False),
    Column("claim", Integer, nullable=False),
    Column("worker_seq", BIG),
    Column("lease_until", BIG),
    Column("infrastructure", Text),
    Column("crashes", Integer, nullable=False),
    Column("anew", Boolean),
    Column("job_variables", Text),
    Column("slug", Text),
    Column("fire_at", BIG),
    Column("period_start", BIG),
    Column("period_end", BIG),
    Column("idempotency_key", Text),
    Column("backfill_seq", BIG),
    Column("after_seq", BIG),
    Column("deadline_at", BIG),
    Column("refused", Text),
    Column("refused_at", BIG),
)
"""How a flow run was asked for. `status`: waiting, claimed, suspended, done. `refused` is the last reason not to admit it.

`anew` tells that the next process is to do all of it again. `after_seq` is the flow run that has to end before this one may be
claimed (a schedule that queues its runs). `deadline_at` is taken away once somebody has looked whether it was kept. `slug` is none
for runs of backfills, whose periods may run again."""
_asked = run_request.c.idempotency_key.is_not(None)
_fired = run_request.c.fire_at.is_not(None)
_waiting = run_request.c.status == "waiting"
_claimed = run_request.c.status == "claimed"
_filling = run_request.c.backfill_seq.is_not(None)
_with_deadline = run_request.c.deadline_at.is_not(None)
Index("ix_run_request_deadline", run_request.c.deadline_at, info={WHERE: _with_deadline})
Index(
    "uq_run_request_key",
    run_request.c.workspace_id,
    run_request.c.deployment_seq,
    run_request.c.idempotency_key,
    unique=True,
    info={WHERE: _asked},
)
Index(
    "uq_run_request_tick",
    run_request.c.deployment_seq,
    run_request.c.slug,
    run_request.c.fire_at,
    unique=True,
    info={WHERE: _fired},
)
Index("ix_run_request_deployment", run_request.c.deployment_seq, run_request.c.due_at, run_request.c.flow_run_seq)
Index("ix_run_request_waiting", run_request.c.pool_seq, run_request.c.due_at, info={WHERE: _waiting})
Index("ix_run_request_claimed", run_request.c.pool_seq, run_request.c.lease_until, info={WHERE: _claimed})
Index("ix_run_request_backfill", run_request.c.backfill_seq, info={WHERE: _filling})

work_pool = Table(
    "work_pool",
    metadata,
    Column("seq", BIG, Identity(), primary_key=True),
    Column("workspace_id", Integer, nullable=False),
    Column("name", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("description", Text),
    Column("base_job_template", Text, nullable=False),
    Column("concurrency_limit", Integer),
    Column("paused", Boolean, nullable=False),
    Column("created_at", BIG, nullable=False),
    Column("updated_at", BIG, nullable=False),
    Column("changed", BIG, nullable=False),
    UniqueConstraint("workspace_id", "name", name="uq_work_pool_name"),
)

work_queue = Table(
    "work_queue",
    metadata,
    Column("seq", BIG, Identity(), primary_key=True),
    Column("pool_seq", BIG, nullable=False),
    Column("name", Text, nullable=False),
    Column("priority", Integer, nullable=False),
    Column("concurrency_limit", Integer),
    Column("paused", Boolean, nullable=False),
    UniqueConstraint("pool_seq", "name", name="uq_work_queue_name"),
)

worker = Table(
    "worker",
    metadata,
    Column("seq", BIG, Identity(), primary_key=True),
    Column("pool_seq", BIG, nullable=False),
    Column("name", Text, nullable=False),
    Column("host", Text, nullable=False),
    Column("pid", BigInteger, nullable=False),
    Column("version", Text, nullable=False),
    Column("queues", Text),
    Column("run_limit", Integer),
    Column("started_at", BIG, nullable=False),
    Column("seen_at", BIG, nullable=False),
    Column("left_at", BIG),
    UniqueConstraint("pool_seq", "name", name="uq_worker_name"),
)
"""Of a worker that serves its own deployments `pool_seq` is its workspace's number, negative. `left_at`: when it said that it goes."""

backfill = Table(
    "backfill",
    metadata,
    Column("seq", BIG, Identity(), primary_key=True),
    Column("workspace_id", Integer, nullable=False),
    Column("id", HexId, nullable=False),
    Column("deployment_seq", BIG, nullable=False),
    Column("slug", Text, nullable=False),
    Column("definition", Text, nullable=False),
    Column("since", BIG, nullable=False),
    Column("until", BIG, nullable=False),
    Column("last_at", BIG, nullable=False),
    Column("next_at", BIG),
    Column("newest_first", Boolean, nullable=False),
    Column("status", Text, nullable=False),
    Column("concurrency", Integer, nullable=False),
    Column("parameters", Text),
    Column("total", Integer, nullable=False),
    Column("created_at", BIG, nullable=False),
    UniqueConstraint("workspace_id", "id", name="uq_backfill_id"),
)
"""Runs for the periods of the past. `next_at` is the next tick to ask for, `last_at` the newest of all, `definition` the schedule
as it was."""
_filling_now = backfill.c.status == "running"
Index("ix_backfill_running", backfill.c.seq, info={WHERE: _filling_now})
Index("ix_backfill_deployment", backfill.c.deployment_seq, backfill.c.seq)

run_input = Table(
    "run_input",
    metadata,
    Column("seq", BIG, Identity(), primary_key=True),
    Column("flow_run_seq", BIG, nullable=False),
    Column("key", Text, nullable=False),
    Column("schema", Text),
    Column("message", Text),
    Column("asked_at", BIG, nullable=False),
    Column("expires_at", BIG),
    Column("answer", Text),
    Column("answered_at", BIG),
    Column("answered_by", Text),
    UniqueConstraint("flow_run_seq", "key", name="uq_run_input_key"),
)
"""What a run that waits for somebody asks, and the answer."""

run_message = Table(
    "run_message",
    metadata,
    Column("seq", BIG, Identity(), primary_key=True),
    Column("flow_run_seq", BIG, nullable=False),
    Column("id", HexId, nullable=False),
    Column("key", Text, nullable=False),
    Column("value", Text, nullable=False),
    Column("sender", Text),
    Column("sent_at", BIG, nullable=False),
    Column("sent_by", Text, nullable=False),
    UniqueConstraint("flow_run_seq", "id", name="uq_run_message_id"),
)
"""What was sent to a run unasked. `sender` is the run that sent it, if one did."""
Index("ix_run_message_flow_run", run_message.c.flow_run_seq, run_message.c.key, run_message.c.seq)

NEW_TABLES = (
    deployment, deployment_version, schedule, schedule_exception, run_request, work_pool, work_queue, worker, backfill, run_input,
)  # fmt: skip
"""What version 3 of the schema adds."""
