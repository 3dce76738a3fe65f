"""Read-only SQL on SQLite (to come)."""
