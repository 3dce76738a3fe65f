"""Which function answers which request of `lookups.py`; loaded when the first of them is asked."""

from collections.abc import Callable, Mapping
from typing import Any

from penstock import lookups
from penstock.ports import ListRecordedCalls, Principal, Request
from penstock.store import Store, facts, flows, info, prune, queries, run_lists, task_runs, variables

Handler = Callable[[Store, Any, Principal], Any]


def _within(answer: Callable[[Store, Any, str], Any]) -> Handler:
    return lambda store, request, principal: answer(store, request, principal.workspace)


HANDLERS: Mapping[type[Request[Any]], Handler] = {
    ListRecordedCalls: _within(task_runs.list_recorded_calls),
    lookups.FindFlowRuns: _within(run_lists.find_flow_runs),
    lookups.ListFlowRuns: _within(run_lists.list_flow_runs),
    lookups.ListStates: _within(run_lists.list_states),
    lookups.DeleteFlowRun: _within(prune.delete_flow_run),
    lookups.ListFlows: _within(flows.list_flows),
    lookups.GetTaskRun: _within(task_runs.get_task_run),
    lookups.FindTaskRuns: _within(task_runs.find_task_runs),
    lookups.ListTaskRuns: _within(task_runs.list_task_runs),
    lookups.ListLogs: _within(facts.list_logs),
    lookups.ListArtifacts: _within(facts.list_artifacts),
    lookups.GetArtifact: _within(facts.get_artifact),
    lookups.SetVariable: _within(variables.set_variable),
    lookups.GetVariable: _within(variables.get_variable),
    lookups.ListVariables: _within(variables.list_variables),
    lookups.RemoveVariable: _within(variables.remove_variable),
    lookups.ListDatasetUses: _within(facts.list_dataset_uses),
    lookups.ListEvents: _within(facts.list_events),
    lookups.RunQuery: _within(queries.run_query),
    lookups.DescribeStore: _within(info.describe_store),
    lookups.Prune: _within(prune.prune),
}
