"""Fixtures of the engine's tests."""

from tests.fixtures.disks import small_disk

__all__ = ["small_disk"]
