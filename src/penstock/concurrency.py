"""Concurrency limits: `concurrency("db", occupy=2)` and `rate_limit("api")`, with and without a server."""

from penstock.sdk.concurrency import arate_limit, concurrency, rate_limit

__all__ = ["arate_limit", "concurrency", "rate_limit"]
