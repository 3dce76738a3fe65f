"""`penstock artifact`: what runs have to show."""

import json
from base64 import b64decode
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

import click

from penstock.cli.commands import Group, json_option, output_option
from penstock.cli.inspection import shown_ids
from penstock.cli.listing import PAGE_SIZE, Extent, Listed, all_option, limit_option, say_if_cut
from penstock.cli.lookup import get_flow_run
from penstock.cli.output import write_output
from penstock.cli.session import Session, pass_session
from penstock.cli.shapes import artifact_shape
from penstock.cli.tables import Column
from penstock.cli.text import as_local_time, as_size, find_near, harmless
from penstock.core.errors import NotFound
from penstock.core.ids import as_uuid_text
from penstock.ports import Artifact, GetArtifact, ListArtifacts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@click.group(cls=Group)
def artifact() -> None:
    """What runs have to show: tables, texts, charts."""


@artifact.command(
    "ls",
    examples=["penstock artifact ls", "penstock artifact ls --run brave-otter", "penstock artifact ls --latest --json"],
)
@click.option("--run", metavar="RUN", help="Of this flow run.")
@click.option("--key", metavar="KEY", help="Versions of this one.")
@click.option("--latest", is_flag=True, help="The latest version of each key only.")
@limit_option
@all_option
@json_option
@pass_session
def list_artifacts(
    session: Session, run: str | None, key: str | None, latest: bool, limit: int, everything: bool, as_json: bool
) -> None:
    """List artifacts, newest first."""
    flow_run_id = None if run is None else get_flow_run(session, run).id
    listed: Listed[Artifact] = Listed(
        session,
        Extent.of(limit, everything),
        lambda cursor, size: ListArtifacts(
            flow_run_id=flow_run_id, key=key, latest_only=latest, cursor=cursor, limit=size
        ),
    )
    if as_json:
        session.terminal.json_list(map(artifact_shape, listed))
    else:
        artifacts = list(listed)
        ids = shown_ids(session.terminal, [item.id for item in artifacts])
        session.terminal.table(
            [Column("ID"), Column("Key", give=True), Column("Type"), Column("Made"), Column("Description", give=True)],
            (
                (ids[item.id], item.key or "", item.type, as_local_time(item.created_at), item.description or "")
                for item in artifacts
            ),
            empty="There are no such artifacts.",
        )
    say_if_cut(session, listed)


@artifact.command(
    "inspect",
    examples=[
        "penstock artifact inspect trips-per-day",
        "penstock artifact inspect 018f3a2b-77 --json",
        "penstock artifact inspect trips-per-day --output chart.svg",
    ],
)
@click.argument("artifact_", metavar="ARTIFACT")
@output_option
@json_option
@pass_session
def inspect_artifact(session: Session, artifact_: str, output: Path | None, as_json: bool) -> None:
    """Show an artifact.

    ARTIFACT is a key (the latest version is shown), an id, or the beginning of one. --output writes its data to a
    file: an image that it holds, text as it is, anything else as JSON.
    """
    found = _get(session, artifact_)
    if output is not None:
        write_output(session.terminal, _content(found), output)
    elif as_json:
        session.terminal.json(artifact_shape(found))
    else:
        _show(session, found)


def _show(session: Session, found: Artifact) -> None:
    session.terminal.pairs(
        (name, value)
        for name, value in [
            ("Artifact", found.key or ""),
            ("ID", as_uuid_text(found.id)),
            ("Type", found.type),
            ("Description", found.description or ""),
            ("Flow run", as_uuid_text(found.flow_run_id) if found.flow_run_id else ""),
            ("Task run", as_uuid_text(found.task_run_id) if found.task_run_id else ""),
            ("Made", as_local_time(found.created_at)),
        ]
        if value
    )
    session.terminal.data()
    _show_data(session, found)


def _get(session: Session, text: str) -> Artifact:
    try:
        return session.ask(GetArtifact(id_or_key=text))
    except NotFound as error:
        recent = session.ask(ListArtifacts(limit=PAGE_SIZE)).items
        near = find_near(text, (item.key for item in recent if item.key))
        raise NotFound("artifact", text, near=near, listing="penstock artifact ls") from error


def _show_data(session: Session, found: Artifact) -> None:
    data = found.data
    rows = as_rows(data) if found.type == "table" else []
    if rows:
        _show_table(session, rows)
    elif found.type == "progress" and isinstance(data, int | float):
        session.terminal.data(f"{data:g} %")
    elif found.type == "markdown" and isinstance(data, str) and session.terminal.out.isatty():
        from rich.markdown import Markdown  # lazy: rich's Markdown, 50 ms

        session.terminal.render(Markdown(harmless(data), hyperlinks=False))
    elif is_embedded(data):
        kind, content = decode_embedded(data)
        session.terminal.say(f"({kind}, {as_size(len(content))}: --output FILE writes it)", colour="bright_black")
    elif isinstance(data, str):
        session.terminal.data(data)
    else:
        session.terminal.json(data)


def as_rows(data: Any) -> list[dict[str, Any]]:
    """A table's rows by column, in whichever of the three shapes it was given; none if it is of no such shape.

    >>> as_rows({"a": [1, 2]}) == as_rows([{"a": 1}, {"a": 2}]) == [{"a": 1}, {"a": 2}]
    True
    >>> as_rows([[1, 2]])
    [{'1': 1, '2': 2}]
    """
    if isinstance(data, dict) and all(isinstance(column, list) for column in data.values()):
        return [dict(zip(data, row, strict=True)) for row in zip_longest(*data.values())]
    if not isinstance(data, list):
        return []
    if all(isinstance(row, list) for row in data):
        return [{str(n): value for n, value in enumerate(row, start=1)} for row in data]
    return data if all(isinstance(row, dict) for row in data) else []


def is_embedded(data: Any) -> bool:
    """Whether an image is in its own address: `data:image/png;base64,...`."""
    return isinstance(data, str) and data.startswith("data:") and "," in data


def decode_embedded(address: str) -> tuple[str, bytes]:
    """The media type and content of a `data:` address.

    >>> decode_embedded("data:image/svg+xml,%3Csvg/%3E"), decode_embedded("data:text/plain;base64,aGk=")
    (('image/svg+xml', b'<svg/>'), ('text/plain', b'hi'))
    """
    head, _, body = address.removeprefix("data:").partition(",")
    kind = head.partition(";")[0] or "text/plain"
    content = unquote_to_bytes(body)
    return kind, b64decode(content) if head.endswith(";base64") else content


def _content(found: Artifact) -> bytes:
    """What a file of the artifact holds: an embedded image itself, text as it is, anything else as JSON."""
    if is_embedded(found.data):
        return decode_embedded(found.data)[1]
    text = found.data if isinstance(found.data, str) else json.dumps(found.data, indent=2, ensure_ascii=False) + "\n"
    return text.encode()


def _show_table(session: Session, rows: "Sequence[Mapping[str, Any]]") -> None:
    names = list(dict.fromkeys(name for row in rows for name in row))
    session.terminal.table(
        [Column(str(name), right=all(isinstance(row.get(name), int | float) for row in rows)) for name in names],
        ([_cell(row.get(name)) for name in names] for row in rows),
    )


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
