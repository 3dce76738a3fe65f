"""Transactions: steps that are committed together or rolled back together, and that a key makes happen once.

    with transaction(key="load-2020-04") as txn:
        if txn.is_committed():
            return txn.read()
        upload(...)          # a task with on_rollback hooks
        check(...)           # raises: upload is rolled back

Hooks get the transaction, whose `get`/`set` carry values from the steps to the hooks.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from typing import Any

from penstock.core.errors import InvalidDefinition, NotInRun
from penstock.core.states import Reason
from penstock.engine.context import current_flow_run, current_transaction
from penstock.engine.kept_results import load_result
from penstock.engine.logs import ERROR, emit
from penstock.engine.runs import FlowRunContext, TaskCall
from penstock.engine.states import State
from penstock.engine.task_life import describe_error


class CommitMode(StrEnum):
    """When a nested transaction commits: with its parent (lazy), at its own end (eager), or never by itself (off)."""

    LAZY = "lazy"
    EAGER = "eager"
    OFF = "off"


class Transaction:
    """A transaction under way; made by `transaction()`."""

    def __init__(
        self,
        *,
        key: str | None,
        run: FlowRunContext,
        parent: "Transaction | None",
        commit_mode: CommitMode,
        overwrite: bool,
    ):
        self.key, self.parent, self.commit_mode = key, parent, commit_mode
        self.state = "active"
        self._run, self._overwrite = run, overwrite
        self._values: dict[str, Any] = {}
        self._steps: list[tuple[TaskCall, State] | Transaction] = []
        self._hooks: list[tuple[Sequence[Callable[..., Any]], Sequence[Callable[..., Any]]]] = []
        self._deferred: list[Callable[[], Any]] = []
        self._result: Any = None
        self._has_result = False

    def __repr__(self) -> str:
        return f"<Transaction {self.state}>" if self.key is None else f"<Transaction {self.key!r} {self.state}>"

    def set(self, name: str, value: Any) -> None:
        """Carry a value to the hooks."""
        self._values[name] = value

    def get(self, name: str, default: Any = None) -> Any:
        """A value that was set here or in an outer transaction."""
        if name in self._values:
            return self._values[name]
        return default if self.parent is None else self.parent.get(name, default)

    def stage(
        self, value: Any, on_rollback: Sequence[Callable[..., Any]] = (), on_commit: Sequence[Callable[..., Any]] = ()
    ) -> None:
        """Set what the transaction's key will lead to once it commits, and hooks of the transaction as a whole."""
        self._result, self._has_result, self.state = value, True, "staged"
        self._hooks.append((tuple(on_commit), tuple(on_rollback)))

    def stage_call(self, call: TaskCall, state: State) -> None:
        """Take in a task run that completed inside this transaction; the engine calls this."""
        self._steps.append((call, state))

    def stage_inner(self, inner: "Transaction") -> None:
        """Take in a block inside this one, to be committed or rolled back with it."""
        self._steps.append(inner)

    def defer(self, action: Callable[[], Any]) -> None:
        """Have something done once the transaction commits, and not at all if it is rolled back; the engine calls this."""
        if self.state == "committed":
            action()
        elif self.state != "rolled_back":
            self._deferred.append(action)

    def is_committed(self) -> bool:
        """Whether the key led to a result before this block began, or the transaction has committed."""
        return self.state == "committed"

    is_done = is_committed

    def is_rolled_back(self) -> bool:
        """Whether the transaction was rolled back."""
        return self.state == "rolled_back"

    def read(self) -> Any:
        """What the key leads to. Raises `KeyError` if it leads nowhere."""
        hit = self._find()
        if hit is None:
            raise KeyError(self.key)
        return load_result(self._run.results, hit.reference)

    def commit(self) -> bool:
        """Run the commit hooks in the order of the steps, and let the key lead to the staged result."""
        if self.state in ("committed", "rolled_back"):
            return self.state == "committed"
        try:
            for step in self._steps:
                if isinstance(step, Transaction):
                    step.commit()
                else:
                    for hook in step[0].task.hooks.on_commit:
                        hook(self)
            for commit_hooks, _ in self._hooks:
                for hook in commit_hooks:
                    hook(self)
        except Exception as error:
            emit(
                self._run, None, ERROR, f"A commit hook raised {describe_error(error)}; the transaction is rolled back."
            )
            self.rollback()
            return False
        for action in self._deferred:
            action()
        if self.key is not None and self._has_result:
            results, now = self._run.results, self._run.services.clock.now_us()
            reference = results.put(self._result, run_id=self._run.id, key=self._storage_key)
            results.put_cached(self._storage_key, reference, now=now, expires_at=None)
        self.state = "committed"
        return True

    def rollback(self) -> bool:
        """Run the rollback hooks, last step first, and mark the steps RolledBack."""
        if self.state in ("committed", "rolled_back"):
            return self.state == "rolled_back"
        self.state = "rolled_back"
        for _, rollback_hooks in reversed(self._hooks):
            self._call(rollback_hooks)
        for step in reversed(self._steps):
            if isinstance(step, Transaction):
                step.rollback()
                continue
            call, state = step
            self._call(call.task.hooks.on_rollback)
            if call.task.hooks.on_rollback:
                self._mark_rolled_back(call, state)
        return True

    def _mark_rolled_back(self, call: TaskCall, state: State) -> None:
        state.name, state.reason, state.result_reference = "RolledBack", Reason.ROLLED_BACK, None
        now = self._run.services.clock.now_us()
        call.seen_undone(reason=Reason.ROLLED_BACK, message="Its transaction failed.", at=now)

    def _call(self, hooks: Sequence[Callable[..., Any]]) -> None:
        for hook in hooks:
            try:
                hook(self)
            except Exception as error:
                emit(
                    self._run,
                    None,
                    ERROR,
                    f"The rollback hook `{getattr(hook, '__name__', hook)}` raised {describe_error(error)}.",
                )

    @property
    def _storage_key(self) -> str:
        return f"transaction:{self.key}"

    def _find(self) -> Any:
        if self.key is None:
            return None
        return self._run.results.find_cached(self._storage_key, now=self._run.services.clock.now_us())

    def begin(self) -> None:
        """Look whether the key leads to a result already."""
        if not self._overwrite and self._find() is not None:
            self.state = "committed"


class transaction:
    """Steps that are committed or rolled back together, in a `with` or `async with` block.

    An error inside the block rolls back and is raised on. With a `key`, `txn.stage(value)` makes `value` what the key leads to
    once the block commits: the next block with that key finds `txn.is_committed()` and `txn.read()`.
    """

    def __init__(self, key: str | None = None, *, commit_mode: CommitMode | str | None = None, overwrite: bool = False):
        self._block = _block(key, commit_mode, overwrite)

    def __enter__(self) -> Transaction:
        return self._block.__enter__()

    def __exit__(self, *error: Any) -> bool | None:
        return self._block.__exit__(*error)

    async def __aenter__(self) -> Transaction:
        return self.__enter__()

    async def __aexit__(self, *error: Any) -> bool | None:
        return self.__exit__(*error)


@contextmanager
def _block(key: str | None, commit_mode: CommitMode | str | None, overwrite: bool) -> Iterator[Transaction]:
    run = current_flow_run.get()
    if run is None:
        raise NotInRun("transaction() works inside a flow or task run only.")
    if key is not None and (not isinstance(key, str) or not key):
        raise InvalidDefinition(f"A transaction's key must be text that is not empty, got {key!r}.")
    parent = current_transaction.get()
    mode = _check_mode(commit_mode, nested=parent is not None)
    txn = Transaction(key=key, run=run, parent=parent, commit_mode=mode, overwrite=overwrite)
    txn.begin()
    token = current_transaction.set(txn)
    try:
        yield txn
    except BaseException:
        current_transaction.reset(token)
        txn.rollback()
        raise
    current_transaction.reset(token)
    if parent is not None and mode is CommitMode.LAZY:
        parent.stage_inner(txn)
    elif mode is not CommitMode.OFF:
        txn.commit()


def commit_alone(call: TaskCall, state: State) -> None:
    """Commit a task run that is part of no transaction, as one of its own."""
    txn = Transaction(key=None, run=call.run, parent=None, commit_mode=CommitMode.EAGER, overwrite=False)
    txn.stage_call(call, state)
    txn.commit()


def _check_mode(given: CommitMode | str | None, *, nested: bool) -> CommitMode:
    if given is None:
        return CommitMode.LAZY if nested else CommitMode.EAGER
    try:
        return CommitMode(given)
    except ValueError:
        raise InvalidDefinition(f"`commit_mode` must be one of {', '.join(CommitMode)}, got {given!r}.") from None


def get_transaction() -> Transaction | None:
    """The transaction that this code is part of."""
    found: Transaction | None = current_transaction.get()
    return found
