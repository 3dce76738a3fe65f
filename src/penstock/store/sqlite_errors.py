"""What SQLite and the file system say, told as Penstock's errors: which file, what happened, what to do."""

import errno
import sqlite3
from pathlib import Path

from penstock.core.errors import (
    PenstockError,
    StoreContended,
    StoreCorrupt,
    StoreError,
    StoreFull,
    StoreReadOnly,
    StoreUnavailable,
)

FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
READ_ONLY = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})


def translate(error: sqlite3.Error, path: Path) -> PenstockError:
    """Say what an error of SQLite means for the database at `path`."""
    name = getattr(error, "sqlite_errorname", "") or ""
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        return StoreCorrupt(
            f"{path} is damaged or is no SQLite database ({error}). Move it away and Penstock starts a new one; "
            f"`sqlite3 {path} .recover` may save what it held."
        )
    if name.startswith(("SQLITE_READONLY", "SQLITE_PERM", "SQLITE_AUTH")):
        return StoreReadOnly(
            f"{path} does not accept writes ({error}). Check who owns the file and its folder, or set PENSTOCK_HOME to another folder."
        )
    if name == "SQLITE_FULL":
        return StoreFull(
            f"There is no room left for {path} ({error}). Free some space, or set PENSTOCK_HOME to another disk."
        )
    if name.startswith("SQLITE_CANTOPEN"):
        return _cannot_open(error, path)
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return StoreContended(
            f"Another program has kept {path} locked for a minute. Close what has it open, then try again."
        )
    if name.startswith("SQLITE_IOERR"):
        return StoreUnavailable(f"{path} could not be read or written ({error}, {name}). Check the disk that it is on.")
    return StoreError(f"The database {path} refused a statement: {error}.")


def translate_os(error: OSError, path: Path) -> PenstockError:
    """Say what an error of the file system means for the database at `path`."""
    where = error.filename or path
    if error.errno in FULL:
        return StoreFull(
            f"There is no room left for {where} ({error.strerror}). Free some space, or set PENSTOCK_HOME to another disk."
        )
    if error.errno in READ_ONLY:
        return StoreReadOnly(
            f"{where} cannot be written ({error.strerror}). Check who owns it, or set PENSTOCK_HOME to a folder of your own."
        )
    if error.errno in (errno.ENOTDIR, errno.EEXIST):
        return StoreUnavailable(
            f"{where} is in the way: a folder is needed there. Move the file away, or set PENSTOCK_HOME to another folder."
        )
    return StoreUnavailable(f"{where} cannot be opened ({error.strerror}). Set PENSTOCK_HOME to another folder.")


def _cannot_open(error: sqlite3.Error, path: Path) -> PenstockError:
    if path.is_dir():
        return StoreUnavailable(
            f"{path} is a folder; the database needs to be a file. Set PENSTOCK_DATABASE_URL to a file's path."
        )
    try:
        with path.open("r+b"):
            pass
    except OSError as cause:
        return translate_os(cause, path)
    return StoreUnavailable(f"{path} cannot be opened ({error}). Check that its folder can be written.")
