"""Every error that Penstock raises on purpose. Each names what happened, to what, and what to do next."""

from collections.abc import Sequence
from typing import Any


class PenstockError(Exception):
    """The root of all errors raised by Penstock itself; errors of users' code pass through untouched."""


# Mistakes in a program, found when a function is decorated or called.


class InvalidDefinition(PenstockError):
    """A flow or task was declared in a way that can never run."""


class InvalidState(PenstockError, ValueError):
    """A state was named or combined in a way that the table of states does not know."""


class ParameterInvalid(PenstockError, ValueError):
    """A parameter of a flow does not fit the flow's signature."""

    def __init__(self, flow_name: str, problems: Sequence[tuple[str, str, object]]):
        self.flow_name = flow_name
        self.problems = tuple(problems)
        lines = "; ".join(f"`{name}` {expectation}, got {value!r:.200}" for name, expectation, value in problems)
        super().__init__(f"Flow `{flow_name}` was not started: {lines}.")


class ParameterUnbound(PenstockError, TypeError):
    """A call does not fit the function's signature: a parameter is missing, unknown or given twice."""


class MappingMismatch(PenstockError, ValueError):
    """The iterables given to `.map` differ in length, or none was given."""


class ReservedParameter(InvalidDefinition):
    """A function's parameter has a name that Penstock needs for itself."""


class NotInRun(PenstockError, RuntimeError):
    """Something that needs a current flow or task run was used outside of one."""


# What became of runs.


class RunFailed(PenstockError):
    """A run ended FAILED without an exception to re-raise (it returned a failed state, or its error was not kept)."""


class RunCrashed(PenstockError):
    """A run's process ended without a final word."""


class RunCancelled(PenstockError):
    """A run was cancelled."""


class RunTimedOut(PenstockError, TimeoutError):
    """A run passed its `timeout_seconds`; `owner` is its id."""

    owner: str | None = None


class RunPaused(PenstockError):
    """A run is paused and has no result yet."""


class UpstreamFailed(PenstockError):
    """A task did not run because a task that it depends on did not succeed."""


class RunNotResumable(PenstockError):
    """A run cannot be resumed as things are; the message says why and what would help."""


class EpochSuperseded(PenstockError):
    """Another process took this run over: what this one still reports is kept as history only."""


class TransitionRefused(PenstockError):
    """The table of states does not allow a move; the run is unchanged."""


class SlotsNotAcquired(PenstockError, TimeoutError):
    """The slots of a concurrency limit could not be had in time."""

    def __init__(self, name: str, *, why: str):
        self.name, self.why = name, why
        super().__init__(f"No slot of `{name}` was acquired: {why}. See `penstock concurrency-limit inspect {name}`.")


class UnfinishedRun(PenstockError):
    """The result of a run was asked for before it ended."""


# Results and caches.


class ResultMissing(PenstockError):
    """A recorded result is not in the result storage any more."""


class ResultCorrupt(PenstockError):
    """A recorded result does not match its checksum."""


class ResultNotStorable(PenstockError):
    """A return value cannot be encoded for the result storage."""


class UncacheableInputs(PenstockError, ValueError):
    """A cache key cannot be computed because an input has no stable content."""


# The store and the journal.


class StoreError(PenstockError):
    """The database could not do what it was asked to."""


class StoreUnavailable(StoreError):
    """The database cannot be reached or opened."""


class StoreCorrupt(StoreError):
    """The database file is damaged or is no Penstock database."""


class StoreTooNew(StoreError):
    """The database was written by a newer Penstock."""


class StoreReadOnly(StoreError):
    """The database, its folder or its disk does not accept writes."""


class StoreFull(StoreError):
    """The disk or quota is full."""


class StoreContended(StoreError):
    """A guarded write lost against others too often."""


class JournalError(PenstockError):
    """The journal of this process cannot be kept; nothing that was reported before is affected."""


class JournalFull(JournalError):
    """There is no room to record what happened; the message says which records are not in the database."""


class JournalCorrupt(JournalError):
    """A journal file holds what no writer wrote."""


class QueryRefused(StoreError):
    """A read-only query asked for something that it may not see or do, or ran too long."""


class CursorInvalid(PenstockError, ValueError):
    """A list was to go on at a cursor that it never gave."""

    def __init__(self, cursor: str):
        self.cursor = cursor
        super().__init__(f"`{cursor[:80]}` is no cursor of this list. Leave it out to begin at the first page.")


# A server.


class ServerUnreachable(StoreUnavailable):
    """The server that PENSTOCK_API_URL names does not answer."""


class ServerNotStarted(PenstockError):
    """`penstock server start` could not start a server; the message says why."""


class NotAServer(StoreError):
    """Something answers at PENSTOCK_API_URL, but no Penstock server."""


class VersionMismatch(PenstockError):
    """Client and server are of versions that do not understand each other."""


class NotAuthorized(PenstockError):
    """The server asks for an API key, and none or another one was given."""


class RequestRefused(PenstockError):
    """The server does not take a request from there: another site's page, or a name that it is not known by."""


class RequestInvalid(PenstockError, ValueError):
    """A request to the server is not as its documentation says."""


class TooLarge(PenstockError):
    """A request to the server is larger than it may be."""


# Looking things up.


class SearchInvalid(PenstockError, ValueError):
    """A search is not in the language that runs are searched in."""

    def __init__(self, term: str, expectation: str):
        self.term, self.expectation = term[:200], expectation
        super().__init__(f"`{self.term}` cannot be searched for: {expectation}.")


class NotFound(PenstockError, LookupError):
    """Something was asked for by a name or id that no one has registered."""

    def __init__(self, kind: str, key: str, *, near: Sequence[str] = (), listing: str = ""):
        self.kind, self.key, self.near = kind, key, tuple(near)
        hint = ""
        if near:
            hint = f" Did you mean {' or '.join(f'`{name}`' for name in near)}?"
        elif listing:
            hint = f" List them with `{listing}`."
        super().__init__(f"No {kind} is known as `{key}`.{hint}")


class Ambiguous(PenstockError, LookupError):
    """A shortened id fits several things."""


class Conflict(PenstockError):
    """Something exists already, or changed since it was read."""


class SettingInvalid(PenstockError, ValueError):
    """A setting has a value that it cannot have."""


class MissingExtra(PenstockError, ImportError):
    """A feature needs a library that is not installed."""

    def __init__(self, feature: str, *, extra: str, because: Any = None):
        self.feature, self.extra = feature, extra
        tail = f" ({because})" if because else ""
        super().__init__(f'{feature} needs an extra: pip install "penstock[{extra}]"{tail}')
