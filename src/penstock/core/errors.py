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


class InputTimedOut(PenstockError, TimeoutError):
    """Nobody answered in time what a paused run asked."""


class RunNotOver(PenstockError, TimeoutError):
    """A run that was waited for did not end in time. It goes on."""


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


# Blocks and secrets.


class BlockInvalid(PenstockError, ValueError):
    """A block's values do not fit its type; the message names the fields, never the values."""

    def __init__(self, block: str, problems: Sequence[tuple[str, str]], *, hint: str = ""):
        self.block, self.problems = block, tuple(problems)
        lines = "; ".join(f"`{name}`: {problem}" for name, problem in problems)
        super().__init__(f"Block `{block}` does not fit its type: {lines}.{hint and f' {hint}'}")


class BlockTypeUnknown(PenstockError, LookupError):
    """A saved block is of a type that no class here defines."""

    def __init__(self, slug: str, *, source: str | None):
        self.slug, self.source = slug, source
        module = "" if source is None else source.partition(":")[0]
        found = f"It was registered from `{source}`: install the package that has it, or import `{module}` first."
        hint = found if source else "Import the module that defines it first."
        super().__init__(f"No class for blocks of type `{slug}` is here. {hint}")


class SecretUnreadable(PenstockError):
    """A secret was encrypted with a key that is not here, or is damaged."""

    def __init__(self, what: str, *, why: str):
        self.what, self.why = what, why
        super().__init__(f"The secrets of {what} cannot be read: {why}")


class EncryptionKeyMissing(PenstockError):
    """There is no key to encrypt a secret with; the message says what to do."""


class PlaceholderUnknown(PenstockError, LookupError):
    """A `{{ placeholder }}` stands for nothing that is known."""

    def __init__(self, placeholder: str, *, where: str, why: str):
        self.placeholder, self.where, self.why = placeholder, where, why
        super().__init__(f"`{{{{ {placeholder} }}}}` in {where or 'the text'}: {why}")


class NotificationFailed(PenstockError):
    """A message could not be sent."""

    def __init__(self, name: str, *, why: str):
        self.name, self.why = name, why
        super().__init__(f"Notification `{name}` was not sent: {why}")


# Schedules.


class ScheduleInvalid(PenstockError, ValueError):
    """A schedule can never do what it says; `field` names the part of it that is wrong."""

    def __init__(self, field: str, value: object, problem: str, *, schedule: str = ""):
        self.field, self.value, self.problem, self.schedule = field, value, problem, schedule
        owner = f"Schedule `{schedule}`" if schedule else "The schedule"
        shown = "" if value is None else f" {value!r:.200}"
        super().__init__(f"{owner} is not valid: `{field}`{shown} {problem}.")


class TemplateInvalid(PenstockError, ValueError):
    """A template in a schedule's parameters cannot be filled in."""

    def __init__(self, parameter: str, template: str, problem: str):
        self.parameter, self.template, self.problem = parameter, template, problem
        super().__init__(f"Parameter `{parameter}` cannot be filled in: template `{template:.200}` {problem}.")


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
