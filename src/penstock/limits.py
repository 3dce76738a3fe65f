"""The verbs of concurrency limits: so many at once, or so many in a time. A bundle of its own.

Slots are leases: whoever holds some renews them, and what is not renewed is free again. Limits named `tag:x`, `task:x` and
`flow:x` hold for every run with that tag, task or flow; any other name is for code that asks.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from penstock.core.ids import RunId
from penstock.ports import PAGE_SIZE_DEFAULT, Page, Request

LEASE_SECONDS_DEFAULT = 60.0
LEASE_SECONDS_MAX = 3_600.0
SLOTS_MAX = 1_000_000
NAMES_MAX = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class ConcurrencyLimit:
    """A limit and how much of it is in use."""

    name: str
    slots: int
    """So many at once; 0 lets nobody pass."""
    decay_per_second: float | None
    """Of a rate limit: so many slots are free again each second."""
    occupied: int
    created_at: int
    updated_at: int
    waiting: int = 0
    """How many ask for slots and get none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldSlot:
    """Slots that somebody holds."""

    id: str
    occupied: int
    holder: str | None
    taken_at: int
    expires_at: int
    flow_run_id: RunId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotWaiter:
    """Somebody who asked for slots of a limit that has no room, and asks again."""

    id: str
    holder: str | None
    """Who it will be that holds them."""
    since: int
    flow_run_id: RunId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SetConcurrencyLimit(Request[ConcurrencyLimit]):
    """Make or change a limit. Raises `Conflict` if it exists and `overwrite` is not set."""

    name: str
    slots: int
    decay_per_second: float | None = None
    overwrite: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class GetConcurrencyLimit(Request[ConcurrencyLimit]):
    """One limit. Raises `NotFound`."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ListConcurrencyLimits(Request[Page[ConcurrencyLimit]]):
    """Limits by name."""

    cursor: str | None = None
    limit: int = PAGE_SIZE_DEFAULT


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveConcurrencyLimit(Request[None]):
    """Forget a limit and who holds it. Raises `NotFound`."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ResetConcurrencyLimit(Request[ConcurrencyLimit]):
    """Free all slots of a limit, whoever holds them. Raises `NotFound`."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ListHeldSlots(Request[Sequence[HeldSlot]]):
    """Who holds a limit's slots, the oldest first. Raises `NotFound`."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ListSlotWaiters(Request[Sequence[SlotWaiter]]):
    """Who waits for a limit's slots, the longest first. Raises `NotFound`."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotsAnswer:
    """Whether slots were got."""

    acquired: bool
    retry_after_seconds: float
    """When asking again may help."""
    waiting_for: str | None = None
    """The limit that has no room."""
    missing: Sequence[str] = ()
    """Names that no limit has: they hold nobody back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AcquireSlots(Request[SlotsAnswer]):
    """Take slots of all the limits named, or of none. Asking again with the same id takes nothing more."""

    id: str
    names: Sequence[str]
    occupy: int = 1
    lease_seconds: float = LEASE_SECONDS_DEFAULT
    holder: str | None = None
    flow_run_id: RunId | None = None
    """The run that it is for, if it is for one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RenewSlots(Request[Sequence[str]]):
    """Hold slots for another lease; answers those of the ids whose lease had ended."""

    ids: Sequence[str]
    lease_seconds: float = LEASE_SECONDS_DEFAULT


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseSlots(Request[None]):
    """Give slots back. Those that are not held any more are passed over."""

    id: str
