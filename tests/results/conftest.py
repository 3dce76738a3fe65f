"""Fixtures of the result storage's tests."""

from tests.fixtures.disks import small_disk

__all__ = ["small_disk"]
