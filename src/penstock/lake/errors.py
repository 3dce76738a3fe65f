"""What can go wrong with the lake and with warehouses. Messages name columns, types and counts, never values."""

from collections.abc import Mapping, Sequence
from typing import Any

from penstock.core.errors import NotFound, PenstockError


class LakeError(PenstockError):
    """The root of what the lake and the warehouses raise."""

    def __reduce__(self) -> Any:  # Any: as in `object`
        return _restore, (type(self), self.args, self.__dict__)


class DatasetNameInvalid(LakeError, ValueError):
    """A dataset's name or location cannot be used."""


class DatasetMissing(NotFound, LakeError):
    """A dataset was read that nobody has written yet."""

    def __init__(self, name: str, *, location: str, near: Sequence[str] = ()):
        self.location = location
        super().__init__("dataset", name, near=near)
        if not near:
            self.args = (f"Dataset `{name}` has no versions yet: nothing is stored at {location}. Write to it first.",)


class VersionMissing(LakeError, LookupError):
    """A version of a dataset was asked for that it does not have."""


class DatasetCorrupt(LakeError):
    """What is stored at a dataset's location cannot be understood."""


class LakeUnavailable(LakeError):
    """The lake's storage cannot be reached, is full, or does not accept writes."""


class DataRefused(LakeError, ValueError):
    """Data cannot be stored as it is; nothing was written. `target` is a dataset or a warehouse's table."""

    def __init__(self, target: str, reason: str):
        self.target = target
        super().__init__(f"{target} was not changed: {reason}")


class SchemaConflict(DataRefused):
    """A column of the data does not fit the dataset's or table's column of that name; nothing was written."""

    def __init__(self, target: str, column: str, *, has: str, got: str, hint: str = ""):
        self.column, self.has, self.got = column, has, got
        super().__init__(
            target,
            f"its column `{column}` is {has}, the data's is {got}. {hint or 'Cast the data, or write it elsewhere.'}",
        )


class RowsOutside(DataRefused):
    """Some rows do not satisfy the predicate whose rows they are to replace; nothing was written."""

    def __init__(self, target: str, *, predicate: str, rows: int):
        self.predicate, self.rows = predicate, rows
        super().__init__(
            target,
            f"{rows:,} of the new rows do not satisfy replace_where ({predicate}). Filter the data, "
            "or replace by a column that says which part a row belongs to, such as its file's month.",
        )


class WriteConflict(LakeError):
    """Other writers changed the dataset each time that this write was about to be committed."""

    def __init__(self, target: str, *, attempts: int, because: str):
        self.target, self.attempts = target, attempts
        super().__init__(
            f"{target} was not changed: other writers got in first {attempts} times ({because}). "
            "Run again, or let fewer writers touch the same part at once."
        )


class WarehouseError(LakeError):
    """A warehouse refused a load; the transaction was rolled back."""


class WarehouseBusy(WarehouseError):
    """Another process holds the warehouse."""


def _restore(kind: type[LakeError], args: tuple[Any, ...], facts: Mapping[str, Any]) -> LakeError:
    error = kind.__new__(kind)
    error.args = args
    error.__dict__.update(facts)
    return error
