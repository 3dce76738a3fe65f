"""The verbs of notifications: who is told when a run ends badly, or well. A bundle of its own.

An address is a URL of Apprise (`slack://...`, `mailto://...`, `json://host/`). It is a secret: it is encrypted, shown
without what is secret in it, and used only by the orchestrator that owns the database.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from penstock.ports import PAGE_SIZE_DEFAULT, Page, Request

STATES_MAX = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """Where and of what somebody is told."""

    name: str
    url: str
    """The address without what is secret in it."""
    states: Sequence[str]
    """Types or names of states, in lower case."""
    flow_name: str | None
    tag: str | None
    created_at: int
    last_sent_at: int | None
    failures: int
    """How often in a row nothing could be sent."""
    last_error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AddNotification(Request[Notification]):
    """Tell an address of runs that come to one of the states; of all top-level runs, or of those of a flow, subflow runs
    included. Raises `RequestInvalid`; `Conflict` if the name is taken; `EncryptionKeyMissing`.
    """

    url: str = field(repr=False)
    states: Sequence[str]
    name: str | None = None
    """Made from the kind of address if none."""
    flow_name: str | None = None
    tag: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListNotifications(Request[Page[Notification]]):
    """Notifications by name."""

    cursor: str | None = None
    limit: int = PAGE_SIZE_DEFAULT


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveNotification(Request[None]):
    """Tell an address no more. Raises `NotFound`."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SendTestNotice(Request[None]):
    """Send a message that says that it is a test. Raises `NotFound`, `SecretUnreadable`; `NotificationFailed` if it was not taken."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliverNotices(Request[int]):
    """Tell what is to be told by now, in all workspaces; answers how many messages were sent. Returns soon: what is left is
    sent the next time.
    """
