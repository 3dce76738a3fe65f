"""The orchestrator over a store in this process: a table that says which function answers which request."""

from collections.abc import Callable, Mapping
from typing import Any

from penstock import ports
from penstock.orchestrator import transitions
from penstock.ports import LOCAL, Principal, R, Request
from penstock.store import (
    Store,
    facts,
    flow_runs,
    flows,
    info,
    ingest,
    moves,
    prune,
    queries,
    states,
    task_runs,
    variables,
)

Handler = Callable[[Store, Any, Principal], Any]
"""Takes its own kind of request, which one table of all kinds cannot say."""


def _within(answer: Callable[[Store, Any, str], Any]) -> Handler:
    """A handler of what depends on the workspace only, not on who asks."""
    return lambda store, request, principal: answer(store, request, principal.workspace)


HANDLERS: Mapping[type[Request[Any]], Handler] = {
    ports.BeginFlowRun: lambda store, request, by: moves.begin_flow_run(store, request, by.workspace, actor=by.name),
    ports.TakeFlowRun: transitions.take,
    ports.MoveFlowRun: transitions.move,
    ports.CancelFlowRun: transitions.cancel,
    ports.MarkCrashed: lambda store, request, by: moves.mark_crashed(
        store, request.writer_id, request.message, by.workspace, actor=by.name
    ),
    ports.FindOpenRuns: _within(moves.find_open_runs),
    ports.Ingest: _within(ingest.ingest),
    ports.ListRecordedCalls: _within(task_runs.list_recorded_calls),
    ports.FindFlowRuns: _within(flow_runs.find_flow_runs),
    ports.GetFlowRun: _within(flow_runs.get_flow_run),
    ports.ListFlowRuns: _within(flow_runs.list_flow_runs),
    ports.ListStates: _within(states.list_states),
    ports.DeleteFlowRun: _within(prune.delete_flow_run),
    ports.ListFlows: _within(flows.list_flows),
    ports.GetTaskRun: _within(task_runs.get_task_run),
    ports.FindTaskRuns: _within(task_runs.find_task_runs),
    ports.ListTaskRuns: _within(task_runs.list_task_runs),
    ports.ListLogs: _within(facts.list_logs),
    ports.ListArtifacts: _within(facts.list_artifacts),
    ports.GetArtifact: _within(facts.get_artifact),
    ports.SetVariable: _within(variables.set_variable),
    ports.GetVariable: _within(variables.get_variable),
    ports.ListVariables: _within(variables.list_variables),
    ports.RemoveVariable: _within(variables.remove_variable),
    ports.ListDatasetUses: _within(facts.list_dataset_uses),
    ports.ListEvents: _within(facts.list_events),
    ports.RunQuery: _within(queries.run_query),
    ports.DescribeStore: _within(info.describe_store),
    ports.Prune: _within(prune.prune),
}


class LocalOrchestrator:
    """Answers every verb from a store. Thread-safe as the store is."""

    def __init__(self, store: Store):
        self._store = store
        watch = moves.CancellationWatch(store)
        self._handlers: Mapping[type[Request[Any]], Handler] = {
            **HANDLERS,
            ports.FindCancellations: lambda store, request, by: watch.find(request, by.workspace),
        }

    def ask(self, request: Request[R], principal: Principal = LOCAL) -> R:
        """Perform a verb. Raises the `PenstockError`s that the verb's docstring names."""
        answer: R = self._handlers[type(request)](self._store, request, principal)
        return answer

    def close(self) -> None:
        """Let go of the store's connections."""
        self._store.close()
