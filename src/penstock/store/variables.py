"""Variables: named JSON values."""

from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, delete, select

from penstock.core.errors import Conflict, NotFound
from penstock.ports import GetVariable, ListVariables, Page, RemoveVariable, SetVariable, Variable
from penstock.store.database import Store
from penstock.store.near import near_names
from penstock.store.pages import clamp, decode_cursor, make_page
from penstock.store.tables import variable
from penstock.store.upserts import insert_if_new, upsert
from penstock.store.values import checked_name, decode_json, encode_json

v = variable.c


def set_variable(store: Store, request: SetVariable, workspace: str) -> Variable:
    """Answer `SetVariable`."""
    with store.write() as transaction:
        workspace_id, now = store.make_workspace(transaction, workspace), transaction.now_us()
        name = checked_name("variable", request.name)
        values = {
            "workspace_id": workspace_id,
            "name": name,
            "value": encode_json(request.value) or "null",
            "tags": encode_json(list(request.tags)) if request.tags else None,
            "created_at": now,
            "updated_at": now,
        }
        if request.overwrite:
            upsert(transaction.connection, variable, values, key=("workspace_id", "name"), keep=("created_at",))
        elif insert_if_new(transaction.connection, variable, values, returning="created_at") is None:
            raise Conflict(f"Variable `{request.name}` exists already. Set it with overwrite, or choose another name.")
        return _to_variable(_read(transaction.connection, workspace_id, name))


def get_variable(store: Store, request: GetVariable, workspace: str) -> Variable:
    """Answer `GetVariable`."""
    with store.read() as connection:
        return _to_variable(_read(connection, store.workspace_id(connection, workspace), request.name))


def list_variables(store: Store, request: ListVariables, workspace: str) -> Page[Variable]:
    """Answer `ListVariables`."""
    limit = clamp(request.limit)
    with store.read() as connection:
        conditions: list[ColumnElement[bool]] = [v.workspace_id == store.workspace_id(connection, workspace)]
        if request.cursor is not None:
            conditions.append(v.name > decode_cursor(request.cursor, str)[0])
        rows = connection.execute(select(variable).where(*conditions).order_by(v.name).limit(limit + 1)).all()
    return make_page(rows, limit, item=_to_variable, keys=lambda row: (row.name,))


def remove_variable(store: Store, request: RemoveVariable, workspace: str) -> None:
    """Answer `RemoveVariable`."""
    with store.write() as transaction:
        workspace_id = store.make_workspace(transaction, workspace)
        _read(transaction.connection, workspace_id, request.name)
        transaction.connection.execute(delete(variable).where(v.workspace_id == workspace_id, v.name == request.name))


def _read(connection: Connection, workspace_id: int, name: str) -> Row[Any]:
    row = connection.execute(select(variable).where(v.workspace_id == workspace_id, v.name == name)).one_or_none()
    if row is None:
        names = connection.execute(
            select(v.name).where(v.workspace_id == workspace_id).order_by(v.name).limit(1_000)
        ).scalars()
        raise NotFound("variable", name, near=near_names(name, names), listing="penstock variable ls")
    return row


def _to_variable(row: Row[Any]) -> Variable:
    return Variable(
        name=row.name,
        value=decode_json(row.value),
        tags=tuple(decode_json(row.tags) or ()),
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
