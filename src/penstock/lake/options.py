"""How a dataset or a warehouse's table is written, and which options contradict each other."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from penstock.lake.errors import LakeError
from penstock.lake.versions import Mode

Where = str | Mapping[str, Any]
"""Which rows: SQL, or values by column."""

MODES = ("append", "overwrite", "merge")
SCHEMA_MODES = ("evolve", "strict", "replace")
SchemaMode = Literal["evolve", "strict", "replace"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a dataset is written."""

    mode: Mode
    keys: tuple[str, ...] = ()
    replace_where: Where | None = None
    write_key: str | None = None
    partition_by: tuple[str, ...] = ()
    schema_mode: SchemaMode = "evolve"

    @property
    def replaces_all(self) -> bool:
        """Whether no row of before stays."""
        return self.mode == "overwrite" and self.replace_where is None


def check_options(label: str, options: Options) -> None:
    """Refuse options that contradict each other."""
    if options.mode not in MODES:
        raise LakeError(f"{label}: mode is {options.mode!r}; it may be {', '.join(MODES)}.")
    if (options.mode == "merge") != bool(options.keys):
        raise LakeError(f"{label}: mode='merge' and keys=[...] go together: keys say which rows are the same.")
    if options.schema_mode not in SCHEMA_MODES:
        raise LakeError(f"{label}: schema_mode is {options.schema_mode!r}; it may be {', '.join(SCHEMA_MODES)}.")
    if options.schema_mode == "replace" and not options.replaces_all:
        raise LakeError(f"{label}: schema_mode='replace' needs mode='overwrite' without replace_where.")
    if options.mode == "merge" and options.replace_where is not None:
        raise LakeError(f"{label}: replace_where does not go with mode='merge'.")
