"""What can be wrong with a file of trips. Messages name the file, the column and the line, never a value."""

from penstock.core.errors import PenstockError


class TripFileError(PenstockError):
    """The root of what can be wrong with a file of trips. `file` is its name."""

    def __init__(self, file: str, problem: str):
        self.file = file
        super().__init__(f"{file}: {problem}")

    def __reduce__(self) -> tuple[object, ...]:
        return _restore, (type(self), self.file, str(self))


class TripFileMissing(TripFileError):
    """There is no such file, or nobody publishes it: a wrong colour, year or month."""


class TripFileUnreachable(TripFileError):
    """The file could not be fetched, or not whole; trying again may help."""


class TripFileDamaged(TripFileError):
    """The file is cut off, or is no file of trips at all."""


class TripColumnsWrong(TripFileError):
    """A column is missing, is there twice, or holds something else than it should. `column` is its name."""

    def __init__(self, file: str, problem: str, *, column: str):
        self.column = column
        super().__init__(file, problem)

    def __reduce__(self) -> tuple[object, ...]:
        return _restore, (type(self), self.file, str(self), self.column)


def _restore(kind: type[TripFileError], file: str, message: str, column: str | None = None) -> TripFileError:
    error = kind.__new__(kind)
    error.args, error.file = (message,), file
    if isinstance(error, TripColumnsWrong):
        error.column = column or ""
    return error
