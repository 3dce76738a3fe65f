"""Searches for flow runs as SQL conditions. What the language is, `core/searching.py` says."""

import json
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, false, func, not_, or_, select, true
from sqlalchemy import text as sql

from penstock.core.searching import Field, Moment, Term
from penstock.core.states import StateType
from penstock.store.id_prefix import begins_with
from penstock.store.tables import flow, flow_run, writer

r = flow_run.c
ESCAPE = "\\"
OPERATORS: Mapping[str, Callable[[Any, Any], ColumnElement[bool]]] = MappingProxyType(
    {
        "<": lambda column, value: column < value,
        ">": lambda column, value: column > value,
        "<=": lambda column, value: column <= value,
        ">=": lambda column, value: column >= value,
    }
)
TYPES = frozenset(str(type_) for type_ in StateType)


def search_conditions(
    connection: Connection, workspace_id: int, terms: Sequence[Term], *, now: int
) -> list[ColumnElement[bool]]:
    """The conditions that runs must meet."""
    found = []
    for place, term in enumerate(terms):
        condition = _condition(connection, workspace_id, term, now=now, place=place)
        # A negation also holds where the column is empty.
        found.append(func.coalesce(not_(condition), True) if term.negated else condition)
    return found


def _condition(connection: Connection, workspace_id: int, term: Term, *, now: int, place: int) -> ColumnElement[bool]:
    match term.field:
        case Field.TEXT:
            return _has_text(workspace_id, term.values[0])
        case Field.STATE:
            return _in_states(term.values)
        case Field.FLOW:
            return _of_flows(connection, workspace_id, term.values)
        case Field.NAME:
            return or_(*(_like(r.name, value) for value in term.values))
        case Field.HOST:
            hosts = select(writer.c.seq).where(or_(*(_like(writer.c.host, value) for value in term.values)))
            return r.writer_seq.in_(hosts)
        case Field.VERSION:
            return or_(*(_like(column, v) for v in term.values for column in (r.flow_version, r.code_version)))
        case Field.ID:
            return _begins(r.id, term.values)
        case Field.PARENT:
            return _begins(r.parent_run_id, term.values)
        case Field.TAG:
            return or_(*(has_tag(connection.dialect.name, tag, f"{place}_{n}") for n, tag in enumerate(term.values)))
        case Field.STARTED | Field.ENDED:
            moment: Moment = term.values[0]
            column = r.start_at if term.field is Field.STARTED else r.ended_at
            return OPERATORS[term.operator](column, moment.at(now))
        case Field.DURATION:
            return OPERATORS[term.operator](func.coalesce(r.ended_at, now) - r.started_at, term.values[0])
        case Field.PARAM:
            return _has_parameter(connection.dialect.name, term, place)
        case Field.IS:
            return or_(*(_is(kind) for kind in term.values))
        case Field.SORT:
            return true()  # it says in which order, and of none that it does not fit


def has_tag(dialect: str, tag: str, place: str | int) -> ColumnElement[bool]:
    """The condition that a run has a tag; `place` tells its parameter from others."""
    elements = (
        "json_each(flow_run.tags)"
        if dialect == "sqlite"
        else "json_array_elements_text(flow_run.tags::json) AS tag(value)"
    )
    condition = sql(f"EXISTS (SELECT 1 FROM {elements} WHERE value = :tag_{place})").bindparams(**{f"tag_{place}": tag})
    return and_(r.tags.is_not(None), condition)


def _in_states(values: Sequence[str]) -> ColumnElement[bool]:
    types = [value for value in values if value in TYPES]
    names = [value for value in values if value not in TYPES]
    if len(values) == 1:  # an equality, so that the index gives the order as well
        return r.state_type == types[0] if types else r.state_name == names[0]
    return or_(r.state_type.in_(types), r.state_name.in_(names))


def _of_flows(connection: Connection, workspace_id: int, values: Sequence[str]) -> ColumnElement[bool]:
    named = or_(*(_like(flow.c.name, value) for value in values))
    seqs = connection.execute(select(flow.c.seq).where(flow.c.workspace_id == workspace_id, named)).scalars().all()
    return r.flow_seq == seqs[0] if len(seqs) == 1 else r.flow_seq.in_(seqs)


def _like(column: ColumnElement[Any], value: str) -> ColumnElement[bool]:
    """Equal but for case; `*` stands for anything."""
    if "*" not in value:
        return func.lower(column) == value.lower()
    pattern = value.lower().replace(ESCAPE, ESCAPE * 2).replace("%", f"{ESCAPE}%").replace("_", f"{ESCAPE}_")
    return func.lower(column).like(pattern.replace("*", "%"), escape=ESCAPE)


def _begins(column: ColumnElement[Any], values: Sequence[str]) -> ColumnElement[bool]:
    conditions = [condition for value in values if (condition := begins_with(column, value)) is not None]
    return or_(*conditions) if conditions else false()


def _has_text(workspace_id: int, text: str) -> ColumnElement[bool]:
    wanted = text.lower()
    flows = select(flow.c.seq).where(
        flow.c.workspace_id == workspace_id, func.lower(flow.c.name).contains(wanted, autoescape=True)
    )
    conditions = [
        func.lower(r.name).contains(wanted, autoescape=True),
        r.flow_seq.in_(flows),
        func.lower(r.parameters).contains(wanted, autoescape=True),
        func.lower(r.state_message).contains(wanted, autoescape=True),
    ]
    by_id = begins_with(r.id, text) if len(text) >= 6 else None
    return func.coalesce(or_(*conditions, *(() if by_id is None else (by_id,))), False)


def _is(kind: str) -> ColumnElement[bool]:
    return {
        "subflow": r.parent_run_id.is_not(None),
        "top-level": r.parent_run_id.is_(None),
        "ended": r.ended_at.is_not(None),
        "open": r.ended_at.is_(None),
    }[kind]


def _has_parameter(dialect: str, term: Term, place: int) -> ColumnElement[bool]:
    """A parameter, or an element of one that is a list, compares so."""
    name = f"param_{place}"
    if dialect == "sqlite":
        path = "$" + "".join(f'."{part}"' for part in term.path)
        source = f"json_each(flow_run.parameters, :{name}_path) AS part"
        number, value = "typeof(part.value) IN ('integer', 'real')", "part.value"
        alternatives: list[Any] = [a for v in term.values for a in _sqlite_alternatives(v)]
    else:
        path = "{" + ",".join(f'"{part}"' for part in term.path) + "}"
        at = f"(flow_run.parameters::jsonb #> CAST(:{name}_path AS text[]))"
        source = (
            f"jsonb_array_elements(CASE WHEN {at} IS NULL THEN '[]' WHEN jsonb_typeof({at}) = 'array' THEN {at}"
            f" ELSE jsonb_build_array({at}) END)"
            " AS part(value)"
        )
        number = "jsonb_typeof(part.value) = 'number'"
        value = "part.value #>> '{}'" if term.operator == "=" else "(part.value #>> '{}')::numeric"
        alternatives = [None if v is None else v if isinstance(v, str) else json.dumps(v) for v in term.values]
    bound: dict[str, Any] = {f"{name}_path": path}
    if term.operator == "=":
        tests = []
        for n, alternative in enumerate(alternatives):
            if alternative is None:
                tests.append(f"{value} IS NULL")
            else:
                tests.append(f"{value} = :{name}_{n}")
                bound[f"{name}_{n}"] = alternative
        test = f"({' OR '.join(tests)})"
    else:
        test = f"CASE WHEN {number} THEN {value} {term.operator} :{name}_0 ELSE false END"
        bound[f"{name}_0"] = term.values[0]
    condition = sql(f"EXISTS (SELECT 1 FROM {source} WHERE {test})").bindparams(**bound)
    return and_(r.parameters.is_not(None), condition)


def _sqlite_alternatives(value: Any) -> Sequence[Any]:
    """A number is also found where it was given as text."""
    if value is None or isinstance(value, str):
        return (value,)
    return (int(value),) if isinstance(value, bool) else (value, str(value))
