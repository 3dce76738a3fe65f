"""Artifacts: what a run shows to people. Artifacts with the same key are versions of one another."""

import json
import os
import re
from collections.abc import Iterable, Mapping
from typing import Any

from penstock.core.errors import InvalidDefinition
from penstock.core.ids import as_uuid_text, time_ordered_id
from penstock.core.records import ArtifactSeen
from penstock.core.sizes import ARTIFACT_BYTES_MAX
from penstock.engine.context import Place, get_place

KEY_PATTERN = re.compile(r"[a-z0-9][a-z0-9-]{0,254}")


def create_markdown_artifact(markdown: str, key: str | None = None, description: str | None = None) -> str:
    """Show text in Markdown. Returns the artifact's id.

    Keys are lower-case letters, digits and dashes; what exceeds 1 MB is refused: an artifact is for people to read.
    """
    return _create("markdown", _check_text(markdown, "markdown"), key, description)


def create_link_artifact(
    link: str, link_text: str | None = None, key: str | None = None, description: str | None = None
) -> str:
    """Show a link. Returns the artifact's id."""
    return _create("link", {"link": _check_text(link, "link"), "text": link_text or link}, key, description)


def create_table_artifact(
    table: Any,  # a frame or table of any library, too
    key: str | None = None,
    description: str | None = None,
) -> str:
    """Show a table: a dict of columns, a list of dicts, a list of rows, an Arrow table, a pandas or polars frame.

    Returns the artifact's id.
    """
    return _create("table", json.loads(json.dumps(_table_data(table), default=str)), key, description)


def create_image_artifact(image_url: str, key: str | None = None, description: str | None = None) -> str:
    """Show an image by its address; `data:image/svg+xml,...` carries the image itself. Returns the artifact's id."""
    return _create("image", _check_text(image_url, "image_url"), key, description)


def create_progress_artifact(progress: float, key: str | None = None, description: str | None = None) -> str:
    """Show progress from 0 to 100 percent; bring it forward with `update_progress_artifact`. Returns the artifact's id."""
    return _create("progress", _check_progress(progress), key, description)


def update_progress_artifact(artifact_id: str, progress: float, description: str | None = None) -> str:
    """Bring a progress artifact forward. Returns its id."""
    place = get_place("update_progress_artifact")
    identifier = artifact_id.replace("-", "")
    place.record(
        ArtifactSeen(
            place.flow_run_id,
            place.task_run_id,
            identifier,
            None,
            "progress",
            description,
            _check_progress(progress),
            place.now_us(),
        )
    )
    return artifact_id


def _create(type_: str, data: Any, key: str | None, description: str | None) -> str:
    place = get_place(f"create_{type_}_artifact")
    if key is not None and not KEY_PATTERN.fullmatch(key):
        raise InvalidDefinition(f"An artifact's key may hold lower-case letters, digits and dashes, got {key!r:.100}.")
    size = len(data) if isinstance(data, str) else len(json.dumps(data))
    if size > ARTIFACT_BYTES_MAX:
        raise InvalidDefinition(
            f"The artifact {key or type_!r} has {size:,} bytes; {ARTIFACT_BYTES_MAX:,} are allowed. Keep data in a dataset and show a summary."
        )
    identifier = _new_id(place)
    place.record(
        ArtifactSeen(place.flow_run_id, place.task_run_id, identifier, key, type_, description, data, place.now_us())
    )
    return as_uuid_text(identifier)


def _new_id(place: Place) -> str:
    return time_ordered_id(place.now_us(), os.urandom(10))


def _check_text(value: Any, what: str) -> str:
    if not isinstance(value, str):
        raise InvalidDefinition(f"`{what}` must be text, got {type(value).__name__}.")
    return value


def _table_data(table: Any) -> Any:
    if isinstance(table, Mapping) and all(_is_several(column) for column in table.values()):
        return {str(name): list(column) for name, column in table.items()}
    if hasattr(table, "to_pylist"):  # Arrow
        return table.to_pylist()
    if hasattr(table, "to_dicts"):  # polars
        return table.to_dicts()
    if hasattr(table, "to_dict"):  # pandas
        return table.to_dict("records")
    if isinstance(table, Iterable) and not isinstance(table, Mapping):
        rows = list(table)
        if all(_is_several(row) for row in rows):
            return [dict(row) if isinstance(row, Mapping) else list(row) for row in rows]
    raise InvalidDefinition(
        f"`table` must be a dict of columns, a list of dicts or of rows, or a data frame, got {table!r:.100}."
    )


def _is_several(value: Any) -> bool:
    return isinstance(value, Iterable) and not isinstance(value, str | bytes)


def _check_progress(progress: float) -> float:
    if isinstance(progress, bool) or not isinstance(progress, int | float) or not 0 <= progress <= 100:
        raise InvalidDefinition(f"Progress is a number from 0 to 100, got {progress!r}.")
    return float(progress)
