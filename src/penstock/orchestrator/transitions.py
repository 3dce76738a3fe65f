"""Moving a flow run: gather the facts, have the rule decide, commit its verdict with a guard."""

from collections.abc import Callable

from penstock.core.errors import NotFound, RunNotResumable, StoreContended
from penstock.core.states import Move, Reason, RunState, StateType, Verdict, decide, decide_cancel, decide_take
from penstock.ports import CancelFlowRun, MoveFlowRun, MoveOutcome, Principal, RunTaken, TakeFlowRun
from penstock.store import Store, moves
from penstock.store.moves import Gathered

COMMIT_ATTEMPTS_MAX = 20

GONE = "Cancelled after the process that ran it had gone."


def move(store: Store, request: MoveFlowRun, principal: Principal) -> MoveOutcome:
    """Answer `MoveFlowRun`."""
    return _propose(
        store,
        request.id,
        principal,
        rule=lambda gathered: decide(gathered.facts, Move(request.state, request.epoch)),
        commit=lambda gathered, state: moves.commit(store, gathered, state, principal.workspace, actor=principal.name),
    )


def cancel(store: Store, request: CancelFlowRun, principal: Principal) -> MoveOutcome:
    """Answer `CancelFlowRun`."""

    def rule(gathered: Gathered) -> Verdict:
        verdict = decide_cancel(gathered.facts, holder_alive=request.holder_alive is not False, at=gathered.now)
        if not verdict.accepted:
            return verdict
        state = verdict.state
        return Verdict(True, RunState(state.type, state.name, state.at, state.reason, request.message), verdict.why)

    def commit(gathered: Gathered, state: RunState) -> bool:
        if gathered.facts.state.type is state.type:  # asked twice: the first asking holds
            return True
        settle = GONE if state.type is StateType.CANCELLED else None
        return moves.commit(
            store,
            gathered,
            state,
            principal.workspace,
            actor=principal.name,
            settle=settle,
            cancel_requested_at=gathered.now,
        )

    return _propose(store, request.id, principal, rule=rule, commit=commit)


def take(store: Store, request: TakeFlowRun, principal: Principal) -> RunTaken:
    """Answer `TakeFlowRun`."""
    reason: Reason | None = Reason.RETRYING if request.state_name == "Retrying" else Reason.RESUMED
    taken: RunTaken | None = None
    name: str = request.id

    def rule(gathered: Gathered) -> Verdict:
        nonlocal name, reason
        name = gathered.name
        reason = None if gathered.facts.epoch == 0 else reason  # its first process
        return decide_take(gathered.facts, holder_alive=request.holder_alive)

    def commit(gathered: Gathered, _: RunState) -> bool:
        nonlocal taken
        state = RunState.of(request.state_name, at=gathered.now, reason=reason, message=request.message)
        taken = moves.take_flow_run(store, request, gathered, state, principal.workspace, actor=principal.name)
        return taken is not None

    outcome = _propose(
        store,
        request.id,
        principal,
        rule=rule,
        commit=commit,
    )
    if taken is None:
        raise RunNotResumable(f"Flow run `{name}` cannot be taken over: {outcome.why}.")
    return taken


def _propose(
    store: Store,
    run_id: str,
    principal: Principal,
    *,
    rule: Callable[[Gathered], Verdict],
    commit: Callable[[Gathered, RunState], bool],
) -> MoveOutcome:
    for _ in range(COMMIT_ATTEMPTS_MAX):
        gathered = moves.gather(store, run_id, principal.workspace)
        if gathered is None:
            raise NotFound("flow run", run_id, listing="penstock flow-run ls")
        verdict = rule(gathered)
        if not verdict.accepted or commit(gathered, verdict.state):
            return MoveOutcome(accepted=verdict.accepted, state=verdict.state, why=verdict.why)
    raise StoreContended(
        f"Flow run {run_id} was changed by others {COMMIT_ATTEMPTS_MAX} times while it was to be moved. Try again."
    )
