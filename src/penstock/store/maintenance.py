"""What is done to a database as a whole, from the command line: upgrading, giving room back, emptying."""

from pathlib import Path

from sqlalchemy.engine import make_url

from penstock.core.errors import StoreCorrupt, StoreTooNew, StoreUnavailable
from penstock.store.opening import open_store

SIDE_FILES = ("", "-wal", "-shm")


def upgrade(url: str) -> None:
    """Bring a database to this version's schema. Raises `StoreUnavailable` if that needs others to let go of it."""
    open_store(url).close()  # opening upgrades


def vacuum(url: str) -> None:
    """Give the room of what was removed back to the disk."""
    store = open_store(url)
    try:
        store.database.vacuum()
    finally:
        store.close()


def reset(url: str) -> None:
    """Make a database anew, with nothing in it, even one that cannot be read.

    Raises `StoreUnavailable` if other processes use it.
    """
    parsed = make_url(url)
    try:
        store = open_store(url)
    except (StoreCorrupt, StoreTooNew):
        if parsed.get_backend_name() != "sqlite":
            raise
        _remove_files(Path(str(parsed.database)).expanduser().absolute())
    else:
        try:
            store.database.clear()
        finally:
            store.close()
    open_store(url).close()


def _remove_files(path: Path) -> None:
    for suffix in SIDE_FILES:
        try:
            Path(f"{path}{suffix}").unlink(missing_ok=True)
        except OSError as error:
            raise StoreUnavailable(f"{path}{suffix} cannot be removed ({error.strerror}).") from error
