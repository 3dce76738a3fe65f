"""Which function answers which request of `reports.py` and `limits.py`; loaded when the first of them is asked."""

from collections.abc import Callable, Mapping
from typing import Any

from penstock import limits, reports
from penstock.ports import Principal, Request
from penstock.store import Store, activity, changes, comparisons, flow_summaries, measures, timelines
from penstock.store import limits as store_limits

Handler = Callable[[Store, Any, Principal], Any]


def _within(answer: Callable[[Store, Any, str], Any]) -> Handler:
    return lambda store, request, principal: answer(store, request, principal.workspace)


HANDLERS: Mapping[type[Request[Any]], Handler] = {
    reports.GetRunActivity: _within(activity.get_run_activity),
    reports.ListRunPoints: _within(activity.list_run_points),
    reports.ListFlowSummaries: _within(flow_summaries.list_flow_summaries),
    reports.GetFlowSummary: _within(flow_summaries.get_flow_summary),
    reports.GetFlowGrid: _within(flow_summaries.get_flow_grid),
    reports.GetOverview: _within(flow_summaries.get_overview),
    reports.GetTimeline: _within(timelines.get_timeline),
    reports.GetRunGraph: _within(timelines.get_run_graph),
    reports.ListChanges: _within(changes.list_changes),
    reports.CompareFlowRuns: _within(comparisons.compare_flow_runs),
    reports.MeasureStore: _within(measures.measure_store),
    limits.SetConcurrencyLimit: _within(store_limits.set_limit),
    limits.GetConcurrencyLimit: _within(store_limits.get_limit),
    limits.ListConcurrencyLimits: _within(store_limits.list_limits),
    limits.RemoveConcurrencyLimit: _within(store_limits.remove_limit),
    limits.ResetConcurrencyLimit: _within(store_limits.reset_limit),
    limits.ListHeldSlots: _within(store_limits.list_held),
    limits.AcquireSlots: _within(store_limits.acquire),
    limits.ListSlotWaiters: _within(store_limits.list_waiters),
    limits.RenewSlots: _within(store_limits.renew),
    limits.ReleaseSlots: _within(store_limits.release),
}
