"""Finding log lines by what they say and when. Positions rise with time, so that a time is found by halving."""

import re
from typing import Any, cast

from sqlalchemy import ColumnElement, Connection, FromClause, bindparam, column, func, select, table
from sqlalchemy import text as sql

from penstock.ports import ListLogs
from penstock.store.tables import log

DISORDER_US = 3_600_000_000
"""Lines may be taken in so much later than they were said (a server was away), and still be found by time."""
WORDS_MAX = 20

fts = table("log_fts", column("rowid"))


def search_logs(
    connection: Connection, request: ListLogs, source: FromClause
) -> tuple[FromClause, ColumnElement[int], list[ColumnElement[bool]]]:
    """What to select from, what its order is by, and the conditions of text and time."""
    seq: ColumnElement[int] = log.c.seq
    if not request.text:
        return source, seq, _in_time(connection, request, seq)
    words = re.findall(r"\w+", request.text)[:WORDS_MAX]
    within_run = request.flow_run_id is not None or request.task_run_id is not None
    if within_run or not words:
        said_so = func.lower(log.c.message).contains(request.text.lower(), autoescape=True)
        return source, seq, [*_in_time(connection, request, seq), said_so]
    if connection.dialect.name == "sqlite":
        # The beginning of the last word may do: each such word has the index merge many lists.
        matched = " ".join([*(f'"{word}"' for word in words[:-1]), f'"{words[-1]}"*'])
        has_words: Any = sql("log_fts MATCH :words").bindparams(words=matched)
        place = cast("ColumnElement[int]", fts.c.rowid)
        joined = fts.join(source, log.c.seq == fts.c.rowid)
        return joined, place, [has_words, *_in_time(connection, request, place)]
    matched = " & ".join([*words[:-1], f"{words[-1]}:*"])
    said: Any = func.to_tsvector(sql("'simple'"), log.c.message)
    has_words = said.op("@@")(func.to_tsquery(sql("'simple'"), matched))
    return source, seq, [has_words, *_in_time(connection, request, seq)]


def _in_time(connection: Connection, request: ListLogs, seq: ColumnElement[int]) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    within_run = request.flow_run_id is not None or request.task_run_id is not None
    if request.since is not None:
        conditions.append(log.c.at >= request.since)
        if not within_run:
            conditions.append(seq >= _position(connection, request.since - DISORDER_US))
    if request.until is not None:
        conditions.append(log.c.at < request.until)
        if not within_run:
            conditions.append(seq <= _position(connection, request.until + DISORDER_US))
    return conditions


_next_line = select(log.c.seq, log.c.at).where(log.c.seq >= bindparam("middle")).order_by(log.c.seq).limit(1)


def _position(connection: Connection, at: int) -> int:
    """A position at which lines are about so old: 0.5 ms at millions of lines."""
    # One at a time: SQLite reads the whole table for both together.
    low, high = (int(connection.execute(select(end(log.c.seq))).scalar() or 0) for end in (func.min, func.max))
    high += 1
    while low < high:
        middle = (low + high) // 2
        found = connection.execute(_next_line, {"middle": middle}).one_or_none()
        if found is None or found.at >= at:
            high = middle
        else:
            low = int(found.seq) + 1
    return low
