"""The tables of blocks and notifications.

A module of its own: a process that only runs flows loads none of it. `schema.py` makes them with the others.
"""

from sqlalchemy import Column, Identity, Index, Integer, Table, Text, UniqueConstraint

from penstock.store.tables import BIG, metadata

block_type = Table(
    "block_type",
    metadata,
    Column("seq", BIG, Identity(), primary_key=True),
    Column("workspace_id", Integer, nullable=False),
    Column("slug", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("description", Text),
    Column("logo_url", Text),
    Column("documentation_url", Text),
    Column("capabilities", Text),
    Column("fields_schema", Text, nullable=False),
    Column("secret_fields", Text),
    Column("source", Text),
    Column("digest", Text, nullable=False),
    Column("created_at", BIG, nullable=False),
    Column("updated_at", BIG, nullable=False),
    UniqueConstraint("workspace_id", "slug", name="uq_block_type_slug"),
)

block_document = Table(
    "block_document",
    metadata,
    Column("seq", BIG, Identity(), primary_key=True),
    Column("workspace_id", Integer, nullable=False),
    Column("type_slug", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("content", Text, nullable=False),
    Column("sealed", Text),
    Column("secret_paths", Text),
    Column("refs", Text),
    Column("digest", Text, nullable=False),
    Column("created_at", BIG, nullable=False),
    Column("updated_at", BIG, nullable=False),
    UniqueConstraint("workspace_id", "type_slug", "name", name="uq_block_document_name"),
)
"""`content` has a mask in the place of each secret; `sealed` is all the secrets, encrypted. `digest` is that of the type
when the block was saved, `refs` the saved blocks that it refers to."""

notification = Table(
    "notification",
    metadata,
    Column("seq", BIG, Identity(), primary_key=True),
    Column("workspace_id", Integer, nullable=False),
    Column("name", Text, nullable=False),
    Column("sealed", Text, nullable=False),
    Column("shown", Text, nullable=False),
    Column("states", Text, nullable=False),
    Column("flow_name", Text),
    Column("tag", Text),
    Column("created_at", BIG, nullable=False),
    Column("cursor", BIG, nullable=False),
    Column("tally", Text),
    Column("claimed_until", BIG, nullable=False),
    Column("next_at", BIG, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("last_error", Text),
    Column("last_sent_at", BIG),
    UniqueConstraint("workspace_id", "name", name="uq_notification_name"),
)
"""`sealed` is the address, encrypted, and `shown` what of it may be seen. `cursor` is the position in the log of events up to
which all was told; `tally` what was told and held back in the current minute. `claimed_until` keeps a second process from
telling the same; `next_at` is when to try again after a failure."""
Index("ix_notification_next", notification.c.next_at)

NEW_TABLES = (block_type, block_document, notification)
