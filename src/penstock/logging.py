"""Loggers whose lines belong to the current run."""

from penstock.sdk.logging import disable_run_logger, get_run_logger

__all__ = ["disable_run_logger", "get_run_logger"]
