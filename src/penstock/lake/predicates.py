"""Which rows are meant: a mapping of columns to values, an Arrow expression, or SQL.

`{"source_month": "2020-04"}` means equality, a list of values means any of them, None means null.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from penstock.lake.errors import LakeError, RowsOutside
from penstock.lake.incoming import Rows
from penstock.lake.options import Where


def to_sql(where: Where) -> str:
    """Write a predicate as SQL.

    >>> to_sql({"month": ["2020-04", "2020-05"], "it's": None})
    '"month" IN (\\'2020-04\\', \\'2020-05\\') AND "it\\'s" IS NULL'
    """
    if isinstance(where, str):
        return where
    return " AND ".join(_condition(column, wanted) for column, wanted in where.items())


def to_expression(where: Mapping[str, Any], schema: pa.Schema) -> pc.Expression:
    """Write a predicate of equalities as an Arrow expression, its values as the columns' types."""
    conditions = []
    for column, wanted in where.items():
        field = pc.field(column)
        if wanted is None:
            conditions.append(field.is_null())
        else:
            values = list(wanted) if _is_listed(wanted) else [wanted]
            conditions.append(field.isin(_as_column(column, values, schema)))
    expression = conditions[0]
    for condition in conditions[1:]:
        expression = expression & condition
    return expression


def check_where(target: str, where: Where, columns: Sequence[str], *, what: str = "replace_where") -> None:
    """Refuse a predicate that says nothing or names a column that is not there."""
    if not where or (isinstance(where, str) and not where.strip()):
        raise LakeError(f"{target}: {what} is empty. Name the rows, or leave it out to mean all of them.")
    if isinstance(where, Mapping):
        for column in where:
            if column not in columns:
                raise LakeError(f"{target}: {what} names column `{column}`, which is not among {', '.join(columns)}.")


def check_inside(target: str, where: Where, rows: Rows) -> None:
    """Raise `RowsOutside` unless all rows satisfy the predicate."""
    outside = (
        _count_outside_expression(where, rows)
        if isinstance(where, Mapping)
        else _count_outside_sql(target, where, rows)
    )
    if outside:
        raise RowsOutside(target, predicate=to_sql(where), rows=outside)


def sql_connection() -> Any:  # Any: a duckdb.DuckDBPyConnection, imported only here
    """An in-memory database that runs SQL over Arrow and loads nothing from anywhere."""
    import duckdb  # lazy: duckdb, 60 ms

    settings: dict[str, str | bool | int | float | list[str]] = {
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
    }
    return duckdb.connect(":memory:", config=settings)


def sql_error(error: Exception) -> str:
    """The part of an SQL error that says what is wrong with the SQL."""
    return str(error).strip().splitlines()[0]


def _count_outside_expression(where: Mapping[str, Any], rows: Rows) -> int:
    inside = to_expression(where, rows.schema)
    names = list(where)
    return sum(batch.num_rows - pa.Table.from_batches([batch]).filter(inside).num_rows for batch in rows.batches(names))


def _count_outside_sql(target: str, where: str, rows: Rows) -> int:
    import duckdb  # lazy: duckdb, 60 ms

    with sql_connection() as connection:
        connection.register("rows", pa.RecordBatchReader.from_batches(rows.schema, rows.batches()))
        try:
            ((outside,),) = connection.execute(f"SELECT count(*) FROM rows WHERE ({where}) IS NOT TRUE").fetchall()
        except duckdb.Error as error:
            raise LakeError(f"{target}: replace_where cannot be understood: {sql_error(error)}") from error
    return int(outside)


def _condition(column: str, wanted: Any) -> str:
    name = '"' + column.replace('"', '""') + '"'
    if wanted is None:
        return f"{name} IS NULL"
    if _is_listed(wanted):
        return f"{name} IN ({', '.join(_literal(value) for value in wanted)})"
    return f"{name} = {_literal(wanted)}"


def _literal(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float | Decimal):
        return str(value)
    if isinstance(value, datetime | date):
        return f"'{value.isoformat()}'"
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    raise LakeError(f"A {type(value).__name__} cannot be compared with here. Give numbers, texts, dates, or None.")


def _is_listed(wanted: Any) -> bool:
    return isinstance(wanted, Sequence | set | frozenset) and not isinstance(wanted, str | bytes)


def _as_column(column: str, values: Sequence[Any], schema: pa.Schema) -> "pa.Array[Any]":
    type_ = schema.field(column).type
    try:
        array: pa.Array[Any] = pa.array(values, type=type_)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise LakeError(f"Column `{column}` is {type_}, which is compared with something else.") from error
    return array
