"""What PostgreSQL says, told as Penstock's errors."""

from sqlalchemy.exc import DBAPIError

from penstock.core.errors import (
    PenstockError,
    StoreContended,
    StoreCorrupt,
    StoreError,
    StoreFull,
    StoreReadOnly,
    StoreUnavailable,
)
from penstock.store.database import TextRefused


def translate(error: DBAPIError, where: str) -> PenstockError:
    """Say what an error of the server or of the way to it means for the database at `where`."""
    state = getattr(error.orig, "sqlstate", None) or ""
    said = str(error.orig).strip().partition("\n")[0]
    if state in ("53100", "53200"):
        return StoreFull(f"{where} has no room left ({said}). Free some space on the server.")
    if state in ("25006", "42501"):
        return StoreReadOnly(
            f"{where} does not let this user write ({said}). Grant it the rights, or connect as its owner."
        )
    if state in ("40001", "40P01", "55P03"):
        return StoreContended(f"Others were changing the same rows of {where} ({said}). Try again.")
    if state.startswith("XX"):
        return StoreCorrupt(f"{where} reports damage ({said}). Restore it from a backup.")
    if state.startswith("22") or (not state and "NUL" in said):
        return TextRefused(f"{where} does not take a value ({said}).")
    if state.startswith(("08", "28", "3D", "53", "57")) or not state or error.connection_invalidated:
        return StoreUnavailable(
            f"{where} cannot be reached ({said}). Check that the server runs and that PENSTOCK_DATABASE_URL is right."
        )
    return StoreError(f"{where} refused a statement ({said}).")
