"""Which function answers the verbs of `work.py`, and those of `scheduling.py` that are about runs; loaded when the first is asked."""

from collections.abc import Callable, Mapping
from typing import Any

from penstock import scheduling, work
from penstock.ports import Principal, Request
from penstock.store import Store, explanations, pools, requeues, run_inputs, run_messages
from penstock.store import claims as store_claims

Handler = Callable[[Store, Any, Principal], Any]


def make_handlers() -> Mapping[type[Request[Any]], Handler]:
    """The table, for one orchestrator."""
    watch = store_claims.ClaimWatch()
    return {
        work.SaveWorkPool: _as(pools.save_pool),
        work.GetWorkPool: _within(pools.get_pool),
        work.ListWorkPools: _within(pools.list_pools),
        work.DeleteWorkPool: _as(pools.delete_pool),
        work.SaveWorkQueue: _as(pools.save_queue),
        work.DeleteWorkQueue: _as(pools.delete_queue),
        work.ListWorkers: _within(pools.list_workers),
        work.ClaimRuns: _as(watch.claim),
        work.RenewClaims: _within(store_claims.renew_claims),
        work.NoteInfrastructure: _within(store_claims.note_infrastructure),
        work.EndClaim: _as(store_claims.end_claim),
        work.EndClaims: _as(store_claims.end_claims),
        work.ReapClaims: lambda store, request, by: requeues.reap_claims(store, request, actor=by.name),
        scheduling.ExplainRun: _within(explanations.explain_run),
        scheduling.RequeueRun: _as(requeues.requeue_run),
        scheduling.PauseRun: _as(run_inputs.pause_run),
        scheduling.ListRunInputs: _within(run_inputs.list_inputs),
        scheduling.AnswerRun: _as(run_inputs.answer_run),
        scheduling.SendToRun: _as(run_messages.send_to_run),
        scheduling.ListRunMessages: _within(run_messages.list_messages),
    }


def _within(answer: Callable[[Store, Any, str], Any]) -> Handler:
    return lambda store, request, principal: answer(store, request, principal.workspace)


def _as(answer: Callable[..., Any]) -> Handler:
    return lambda store, request, principal: answer(store, request, principal.workspace, actor=principal.name)
