"""What may be asked with a run token: what one run needs of the server, of itself and what it started, and nothing else.

A table says it, verb by verb; what is not in it is refused. Facts (the journal) are taken for as long as the token lives, since the run's
epoch guards them: a process that was only cut off is heard out. Leave for more ends with the claim, and an hour after the run.
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from penstock import ports
from penstock.blockverbs import GetBlock, GetBlockType
from penstock.core.errors import NotAuthorized, NotFound
from penstock.core.ids import RunId
from penstock.core.records import FlowSeen, Record, Superseded, TaskDefined, WriterClosed
from penstock.core.run_tokens import RunToken
from penstock.core.states import StateType
from penstock.limits import AcquireSlots, GetConcurrencyLimit, ListConcurrencyLimits, ReleaseSlots, RenewSlots
from penstock.ports import Clock, Orchestrator, Principal, R, Request
from penstock.scheduling import (
    AnswerRun,
    GetDeployment,
    GetRunRequest,
    ListRunInputs,
    ListRunMessages,
    PauseRun,
    RequestRun,
    RequeueRun,
    SendToRun,
)
from penstock.work import EndClaim

AFTER_END_US = 3_600_000_000
"""Hooks go on after a run has ended."""
KNOWN_MAX = 20_000
DEPTH_MAX = 100
"""Subflows of subflows."""

Rule = Callable[["RunScope", Any, Principal, RunToken], None]
"""Takes its own kind of request, which one table of all kinds cannot say. Raises `NotAuthorized`."""


def _freely(scope: "RunScope", request: Any, by: Principal, token: RunToken) -> None:
    scope.check_claim(by, token)


def _take(scope: "RunScope", request: ports.TakeFlowRun, by: Principal, token: RunToken) -> None:
    """Its own run, by its claim; by none where a flow is tried again by the process that has the run."""
    if request.id != token.run_id or request.claim not in (None, token.claim):
        raise refusal(request, token, "of another run or claim than its own")
    scope.check_claim(by, token)


def _end_claim(scope: "RunScope", request: EndClaim, by: Principal, token: RunToken) -> None:
    if (request.flow_run_id, request.claim) != (token.run_id, token.claim):
        raise refusal(request, token, "of another run or claim than its own")


def _family(field: str) -> Rule:
    """Its own run and its subflow runs."""

    def check(scope: "RunScope", request: Any, by: Principal, token: RunToken) -> None:
        scope.check_runs(request, [getattr(request, field)], by, token)

    return check


def _writer(scope: "RunScope", request: Any, by: Principal, token: RunToken) -> None:
    scope.check_writer(request, by, token)


def _ingest(scope: "RunScope", request: ports.Ingest, by: Principal, token: RunToken) -> None:
    scope.check_writer(request, by, token)
    scope.check_records(request, by, token)


def _cancellations(scope: "RunScope", request: ports.FindCancellations, by: Principal, token: RunToken) -> None:
    scope.check_runs(request, request.run_ids, by, token)
    if request.writer_id is not None:
        scope.check_writer(request, by, token)


def _request_run(scope: "RunScope", request: RequestRun, by: Principal, token: RunToken) -> None:
    if request.parent_run_id is not None:
        scope.check_runs(request, [request.parent_run_id], by, token)
    scope.check_claim(by, token)


def _send(scope: "RunScope", request: SendToRun, by: Principal, token: RunToken) -> None:
    """To any run whose id it was told, in its own name."""
    scope.check_runs(request, [] if request.sender is None else [request.sender], by, token)
    scope.check_claim(by, token)


RULES: Mapping[type[Request[Any]], Rule] = MappingProxyType(
    {
        # Facts, and what goes with them.
        ports.Ingest: _ingest,
        ports.MakeDurable: _writer,
        ports.FindOpenRuns: _writer,
        ports.MarkCrashed: _writer,
        ports.FindCancellations: _cancellations,
        # Its own run, and what is beneath it.
        ports.TakeFlowRun: _take,
        EndClaim: _end_claim,
        ports.MoveFlowRun: _family("id"),
        ports.CancelFlowRun: _family("id"),
        PauseRun: _family("flow_run_id"),
        ListRunInputs: _family("flow_run_id"),
        AnswerRun: _family("flow_run_id"),
        ListRunMessages: _family("flow_run_id"),
        GetRunRequest: _family("flow_run_id"),
        RequeueRun: _family("flow_run_id"),
        ports.ListStates: _family("flow_run_id"),
        ports.ListRecordedCalls: _family("flow_run_id"),
        # A run asks how those end that it asked for; nobody knows another's id who was not told.
        ports.GetFlowRun: _freely,
        RequestRun: _request_run,
        SendToRun: _send,
        GetDeployment: _freely,
        # What flows look up while they run.
        ports.GetVariable: _freely,
        ports.ListVariables: _freely,
        ports.SetVariable: _freely,
        ports.RemoveVariable: _freely,
        GetBlock: _freely,  # one that the code names; what others there are is nothing to a run
        GetBlockType: _freely,
        ports.GetArtifact: _freely,
        ports.ListArtifacts: _freely,
        ports.ListDatasetUses: _freely,
        AcquireSlots: _freely,
        RenewSlots: _freely,
        ReleaseSlots: _freely,
        GetConcurrencyLimit: _freely,
        ListConcurrencyLimits: _freely,
    }
)


def refusal(request: Request[Any] | type[Request[Any]], token: RunToken, why: str) -> NotAuthorized:
    """What is said to a run that asks for more than it needs."""
    verb = request if isinstance(request, type) else type(request)
    return NotAuthorized(
        f"The token of flow run {token.run_id} does not open {verb.__name__} {why}. A flow that needs more than "
        "its own run gets a key by its job's environment: PENSTOCK_API_KEY."
    )


class RunScope:
    """The orchestrator as those see it who come with a run token; to all others it is as it is."""

    def __init__(self, orchestrator: Orchestrator, clock: Clock):
        self._orchestrator, self._clock = orchestrator, clock
        self._runs: dict[tuple[str, str], None] = {}
        self._writers: dict[tuple[str, str], None] = {}

    def ask(self, request: Request[R], principal: Principal = ports.LOCAL) -> R:
        """Perform a verb. Raises `NotAuthorized` besides what the verb raises."""
        token = principal.token
        if token is not None:
            rule = RULES.get(type(request))
            if rule is None:
                raise refusal(request, token, "at all")
            rule(self, request, principal, token)
        return self._orchestrator.ask(request, principal)

    def close(self) -> None:
        """The orchestrator is closed by who opened it."""

    # ---- What rules ask ----

    def check_claim(self, by: Principal, token: RunToken) -> None:
        """The run is still this process's, and has not long ended."""
        try:
            asked = self._orchestrator.ask(GetRunRequest(flow_run_id=token.run_id), by)
            run = self._orchestrator.ask(ports.GetFlowRun(id=token.run_id), by)
        except NotFound as error:
            raise NotAuthorized(f"The run of the token, {token.run_id}, was deleted.") from error
        if asked.claim != token.claim:
            raise NotAuthorized(
                f"Flow run `{run.name}` was claimed again since this token was made, by claim {asked.claim}: "
                "it goes on in another process."
            )
        # CRASHED is a presumption: a process that was only cut off may go on.
        surely = run.state.is_final and run.state.type is not StateType.CRASHED
        if surely and run.ended_at is not None and self._clock.now_us() - run.ended_at > AFTER_END_US:
            raise NotAuthorized(f"Flow run `{run.name}` has ended, and so has what its token opens.")

    def check_runs(self, request: Request[Any], run_ids: Sequence[str], by: Principal, token: RunToken) -> None:
        """They are the token's run, or beneath it."""
        for run_id in run_ids:
            if not self._is_beneath(run_id, by, token, begun={}):
                raise refusal(request, token, f"for flow run {run_id}")

    def check_writer(self, request: Any, by: Principal, token: RunToken) -> None:
        """The writer is one that has no run of others."""
        key = (token.run_id, request.writer_id)
        if key not in self._writers:
            held = self._orchestrator.ask(ports.FindOpenRuns(writer_id=request.writer_id), by)
            if not all(self._is_beneath(run_id, by, token, begun={}) for run_id, _ in held.runs):
                raise refusal(request, token, f"for writer {request.writer_id}")
            _keep(self._writers, key)

    def check_records(self, request: ports.Ingest, by: Principal, token: RunToken) -> None:
        """Each record is of the token's run or of what is beneath it."""
        begun = {
            record.flow_run_id: record.parent_run_id for _, record in request.records if isinstance(record, FlowSeen)
        }
        for run_id in {run_id for _, record in request.records for run_id in _runs_of(record)}:
            if not self._is_beneath(run_id, by, token, begun=begun):
                raise refusal(request, token, f"for flow run {run_id}")

    def _is_beneath(self, run_id: str, by: Principal, token: RunToken, *, begun: Mapping[str, str | None]) -> bool:
        """Whether a run is the token's, or a subflow run of it; `begun` are those that the request itself tells of."""
        passed: list[str] = []
        current: str | None = run_id
        while current is not None and len(passed) < DEPTH_MAX:
            if current == token.run_id or (token.run_id, current) in self._runs:
                for each in passed:
                    _keep(self._runs, (token.run_id, each))
                return True
            passed.append(current)
            current = self._find_parent(current, by, begun)
        return False

    def _find_parent(self, run_id: str, by: Principal, begun: Mapping[str, str | None]) -> str | None:
        try:
            return self._orchestrator.ask(ports.GetFlowRun(id=RunId(run_id)), by).parent_run_id
        except NotFound:
            return begun.get(run_id)


def _runs_of(record: Record) -> tuple[str, ...]:
    if isinstance(record, TaskDefined | WriterClosed | Superseded) or record.flow_run_id is None:
        return ()
    return (record.flow_run_id,)


def _keep(known: dict[tuple[str, str], None], key: tuple[str, str]) -> None:
    if len(known) >= KNOWN_MAX:
        known.clear()
    known[key] = None
