"""Identifiers: 128-bit, time-ordered, written as 32 hexadecimal digits inside and as UUIDs for people.

The first 48 bits are milliseconds since 1970, so that rows made together lie together on disk. A task run's id
follows from its flow run and its call key, so that the same call has the same id in every epoch.
"""

from hashlib import blake2b
from typing import NewType

RunId = NewType("RunId", str)
"""A flow run."""
TaskRunId = NewType("TaskRunId", str)
TaskId = NewType("TaskId", str)
"""A task definition: the digest of its workspace and key."""
WriterId = NewType("WriterId", str)
"""A process that keeps a journal."""
ArtifactId = NewType("ArtifactId", str)
MessageId = NewType("MessageId", str)
"""What was sent to a run: of the run that sent it, the value and how often it did, so that no attempt sends it twice."""

ID_HEX_LENGTH = 32
TIME_HEX_LENGTH = 12


def time_ordered_id(now_us: int, entropy: bytes) -> str:
    """Return an id for something that happens at `now_us` (microseconds UTC), from 10 random bytes.

    The version and variant bits are those of a UUIDv7.

    >>> time_ordered_id(1_700_000_000_000_000, bytes(10))
    '018bcfe5680070008000000000000000'
    """
    tail = int.from_bytes(entropy[:10], "big")
    rand_a = tail >> 68 & 0xFFF
    rand_b = tail & (1 << 62) - 1
    return f"{now_us // 1000 << 80 | 0x7 << 76 | rand_a << 64 | 0b10 << 62 | rand_b:032x}"


def call_id(flow_run_id: RunId, key: bytes) -> TaskRunId:
    """Return the id of the call that `key` stands for inside a flow run; equal in every epoch of that run.

    >>> call_id(RunId("018bcfe5680070008000000000000000"), b"fetch(1)#0")[:12]
    '018bcfe56800'
    """
    return TaskRunId(
        flow_run_id[:TIME_HEX_LENGTH] + blake2b(key, digest_size=10, key=bytes.fromhex(flow_run_id)).hexdigest()
    )


def definition_id(*parts: str) -> str:
    """Return the id of something that is known by its names, such as a flow in a workspace.

    >>> definition_id("default", "web-to-lake") == definition_id("default", "web-to-lake")
    True
    """
    return blake2b("\0".join(parts).encode(), digest_size=16).hexdigest()


def as_uuid_text(identifier: str) -> str:
    """Write an id the way people and other programs know UUIDs.

    >>> as_uuid_text("018bcfe5680070008000000000000000")
    '018bcfe5-6800-7000-8000-000000000000'
    """
    h = identifier
    return f"{h[:8]}-{h[8:12]}-{h[12:16]}-{h[16:20]}-{h[20:]}"


def parse_id(text: str) -> str:
    """Read an id in either form.

    >>> parse_id("018BCFE5-6800-7000-8000-000000000000")
    '018bcfe5680070008000000000000000'
    """
    digits = text.strip().replace("-", "").lower()
    if len(digits) != ID_HEX_LENGTH or any(c not in "0123456789abcdef" for c in digits):
        raise ValueError(f"`{text}` is not a run id: expected 32 hexadecimal digits, with or without dashes.")
    return digits
