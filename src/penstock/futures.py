"""Futures of submitted task runs."""

from penstock.engine.futures import Future, FutureList, as_completed, wait

__all__ = ["Future", "FutureList", "as_completed", "wait"]
