"""The database of runs: tables, statements and their opening, on SQLite and PostgreSQL. Synchronous throughout."""

from penstock.store.database import Store, Transaction
from penstock.store.opening import open_store

__all__ = ["Store", "Transaction", "open_store"]
