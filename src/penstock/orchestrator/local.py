"""The orchestrator over a store in this process: a table that says which function answers which request."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from penstock import ports
from penstock.orchestrator import transitions
from penstock.ports import LOCAL, Principal, R, Request
from penstock.store import Store, beginnings, cancellations, flow_runs, ingest, leases, moves, writers

if TYPE_CHECKING:
    from penstock.store.sealing import Keys

WRITERS_KEPT = 10_000

Handler = Callable[[Store, Any, Principal], Any]
"""Takes its own kind of request, which one table of all kinds cannot say."""


def _within(answer: Callable[[Store, Any, str], Any]) -> Handler:
    """A handler of what depends on the workspace only, not on who asks."""
    return lambda store, request, principal: answer(store, request, principal.workspace)


HANDLERS: Mapping[type[Request[Any]], Handler] = {
    ports.BeginFlowRun: lambda store, request, by: beginnings.begin_flow_run(
        store, request, by.workspace, actor=by.name
    ),
    ports.TakeFlowRun: transitions.take,
    ports.MoveFlowRun: transitions.move,
    ports.MarkCrashed: lambda store, request, by: moves.mark_crashed(
        store,
        request.writer_id,
        request.message,
        by.workspace,
        actor=by.name,
        last_seen_at=request.last_seen_at,
    ),
    ports.ReapLeases: lambda store, request, by: leases.reap_leases(store, request, by.name),
    ports.FindOpenRuns: _within(writers.find_open_runs),
    ports.Ingest: _within(ingest.ingest),
    ports.MakeDurable: lambda store, request, by: store.make_durable(),
    ports.GetFlowRun: _within(flow_runs.get_flow_run),
}


def _supposed_alive(writer_id: str, host: str | None) -> bool:
    return True


class LocalOrchestrator:
    """Answers every verb from a store. Thread-safe as the store is."""

    def __init__(
        self,
        store: Store,
        *,
        is_alive: Callable[[str, str | None], bool] = _supposed_alive,
        keys: "Callable[[], Keys] | None" = None,
    ):
        """`is_alive` tells whether a writer that has no lease lives, by its id and host; `keys` encrypt secrets."""
        self._store, self._is_alive, self._keys = store, is_alive, keys
        self._renew_at: dict[str, int] = {}
        watch = cancellations.CancellationWatch(store)
        self._handlers: dict[type[Request[Any]], Handler] = {
            **HANDLERS,
            ports.CancelFlowRun: self._cancel,
            ports.FindCancellations: lambda store, request, by: self._find_cancellations(watch, request, by),
        }

    def ask(self, request: Request[R], principal: Principal = LOCAL) -> R:
        """Perform a verb. Raises the `PenstockError`s that the verb's docstring names."""
        handler = self._handlers.get(type(request)) or self._find_bundle(type(request))
        answer: R = handler(self._store, request, principal)
        return answer

    def _cancel(self, store: Store, request: ports.CancelFlowRun, by: Principal) -> ports.MoveOutcome:
        if request.holder_alive is None:
            run = flow_runs.get_flow_run(store, ports.GetFlowRun(id=request.id), by.workspace)
            alive = run.writer_id is not None and self._judge(run.writer_id, run.host, by)
            request = replace(request, holder_alive=alive)
        return transitions.cancel(store, request, by)

    def _judge(self, writer_id: str, host: str | None, by: Principal) -> bool:
        leased = leases.find_lease(self._store, writer_id, by.workspace)
        return self._is_alive(writer_id, host) if leased is None else leased

    def _find_cancellations(
        self, watch: cancellations.CancellationWatch, request: ports.FindCancellations, by: Principal
    ) -> ports.Cancellations:
        """Asked twice a second by each process with a lease: it is written down four times a lease."""
        if request.writer_id is not None:
            now = self._store.now_us()
            if now > self._renew_at.get(request.writer_id, 0):
                length = leases.renew_lease(self._store, request.writer_id, by.workspace, request.run_ids)
                if len(self._renew_at) > WRITERS_KEPT:
                    self._renew_at.clear()
                self._renew_at[request.writer_id] = now + length // 4
        return watch.find(request, by.workspace)

    def _find_bundle(self, verb: type[Request[Any]]) -> Handler:
        from penstock.orchestrator import looking_up  # lazy: 20 ms that no process that runs flows needs

        self._handlers |= looking_up.HANDLERS
        if verb not in self._handlers:
            from penstock.orchestrator import reporting  # lazy: 30 ms, for charts

            self._handlers |= reporting.HANDLERS
        if verb not in self._handlers:
            from penstock.orchestrator import scheduling  # lazy: 30 ms that no process that runs flows needs

            self._handlers |= scheduling.make_handlers(self._cancel)
        if verb not in self._handlers:
            from penstock.orchestrator import keyed  # lazy: 10 ms that few processes need

            self._handlers |= keyed.make_handlers(self._keys)
        if verb not in self._handlers:
            from penstock.orchestrator import working  # lazy: 20 ms that no process that runs flows needs

            self._handlers |= working.make_handlers()
        return self._handlers[verb]

    def has_notifications(self) -> bool:
        """Whether anybody is to be told of runs: one look-up, which loads nothing."""
        with self._store.read() as connection:
            return connection.exec_driver_sql("SELECT 1 FROM notification LIMIT 1").first() is not None

    def listen(self, on_change: Callable[[], None], on_hearing: Callable[[bool], None]) -> Callable[[], None] | None:
        """Hear of commits, where the database tells of them: see `Database.listen`."""
        return self._store.database.listen(on_change, on_hearing)

    def close(self) -> None:
        """Let go of the store's connections."""
        self._store.close()
