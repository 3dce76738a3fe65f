"""The verbs on the wire: which route a verb takes, and how its values and errors are written as JSON.

One table, `ROUTES`, from which the server's routes, the remote client and the contract suite derive. Values are written
and read by the type hints of the dataclasses in `ports.py` and `reports.py`, with no library: a command that asks a server has
300 ms for the whole process. What comes in from strangers is checked by the server first; here it is trusted.
"""

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Mapping as AbstractMapping
from collections.abc import Sequence as AbstractSequence
from dataclasses import MISSING, dataclass, fields, is_dataclass
from enum import Enum
from functools import cache as _cache
from types import MappingProxyType, NoneType, UnionType
from typing import Any, NewType, TypeVar, Union, cast, get_args, get_origin, get_type_hints
from urllib.parse import quote, urlencode

from penstock.core import errors
from penstock.core.errors import PenstockError
from penstock.ports import Request

WIRE_VERSION = 1
"""Raised when client and server of different versions could misunderstand each other."""
VERSION_HEADER = "Penstock-Api-Version"
WORKSPACE_HEADER = "Penstock-Workspace"
ACTOR_HEADER = "Penstock-Actor"
JOURNAL_TYPE = "application/x-ndjson"

Coder = Callable[[Any], Any]
"""Writes or reads one value; what types say, checkers cannot follow through a table of them."""

F = TypeVar("F", bound=Callable[..., Any])


def remembered(function: F) -> F:
    """Work each answer out once. As `functools.cache`, whose types know of no types as arguments."""
    return cast(F, _cache(function))


# ---- Routes -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Route:
    """Where a verb is asked: fields named in `path` stand there, the others in the query or, with a body, in the body."""

    method: str
    path: str
    group: str

    @property
    def has_body(self) -> bool:
        """Whether what is not in the path travels as a JSON body."""
        return self.method in ("POST", "PUT", "PATCH")

    @property
    def path_fields(self) -> tuple[str, ...]:
        """The fields that stand in the path."""
        return tuple(part.partition("}")[0].partition(":")[0] for part in self.path.split("{")[1:])


def _route(line: str, group: str) -> Route:
    method, _, path = line.partition(" ")
    return Route(method, path, group)


def _group(group: str, **lines: str) -> dict[str, Route]:
    return {verb: _route(line, group) for verb, line in lines.items()}


ROUTES: Mapping[str, Route] = MappingProxyType(
    {
        **_group(
            "Flow runs",
            FindFlowRuns="GET /flow-runs/find",
            ListFlowRuns="POST /flow-runs/filter",
            FindCancellations="POST /flow-runs/cancellations",
            BeginFlowRun="PUT /flow-runs/{id}",
            GetFlowRun="GET /flow-runs/{id}",
            DeleteFlowRun="DELETE /flow-runs/{id}",
            TakeFlowRun="POST /flow-runs/{id}/take",
            MoveFlowRun="POST /flow-runs/{id}/move",
            CancelFlowRun="POST /flow-runs/{id}/cancel",
            ListStates="GET /flow-runs/{flow_run_id}/states",
            GetTimeline="GET /flow-runs/{flow_run_id}/timeline",
            GetRunGraph="GET /flow-runs/{flow_run_id}/graph",
            CompareFlowRuns="GET /flow-runs/{left}/compare/{right}",
            ListRecordedCalls="GET /flow-runs/{flow_run_id}/recorded-calls",
        ),
        **_group(
            "Flows",
            ListFlows="GET /flows",
            ListFlowSummaries="GET /flow-summaries",
            GetFlowSummary="GET /flow-summaries/{name:path}",
            GetFlowGrid="GET /flow-grids/{name:path}",
        ),
        **_group(
            "Charts",
            GetOverview="GET /overview",
            GetRunActivity="GET /charts/run-activity",
            ListRunPoints="POST /charts/run-points",
        ),
        **_group(
            "Task runs",
            FindTaskRuns="GET /task-runs/find",
            ListTaskRuns="POST /task-runs/filter",
            GetTaskRun="GET /task-runs/{id}",
        ),
        **_group("Logs", ListLogs="POST /logs/filter"),
        **_group("Artifacts", ListArtifacts="GET /artifacts", GetArtifact="GET /artifacts/{id_or_key:path}"),
        **_group(
            "Variables",
            ListVariables="GET /variables",
            SetVariable="PUT /variables/{name:path}",
            GetVariable="GET /variables/{name:path}",
            RemoveVariable="DELETE /variables/{name:path}",
        ),
        **_group(
            "Concurrency",
            ListConcurrencyLimits="GET /concurrency-limits",
            AcquireSlots="POST /concurrency-slots/acquire",
            RenewSlots="POST /concurrency-slots/renew",
            ReleaseSlots="DELETE /concurrency-slots/{id}",
            ListHeldSlots="GET /concurrency-limit-slots/{name:path}",
            ListSlotWaiters="GET /concurrency-limit-waiters/{name:path}",
            ResetConcurrencyLimit="POST /concurrency-limit-resets/{name:path}",
            SetConcurrencyLimit="PUT /concurrency-limits/{name:path}",
            GetConcurrencyLimit="GET /concurrency-limits/{name:path}",
            RemoveConcurrencyLimit="DELETE /concurrency-limits/{name:path}",
        ),
        **_group(
            "Blocks",
            ListBlockTypes="GET /block-types",
            RegisterBlockType="PUT /block-types/{slug}",
            GetBlockType="GET /block-types/{slug}",
            RemoveBlockType="DELETE /block-types/{slug}",
            ListBlocks="GET /blocks",
            SaveBlock="PUT /blocks/{type_slug}/{name}",
            GetBlock="GET /blocks/{type_slug}/{name}",
            RemoveBlock="DELETE /blocks/{type_slug}/{name}",
            RotateKeys="POST /encryption-keys/rotate",
        ),
        **_group(
            "Notifications",
            ListNotifications="GET /notifications",
            AddNotification="POST /notifications",
            DeliverNotices="POST /notifications/deliver",
            RemoveNotification="DELETE /notifications/{name}",
            SendTestNotice="POST /notifications/{name}/test",
        ),
        **_group(
            "Work pools",
            ListWorkPools="GET /work-pools",
            SaveWorkPool="PUT /work-pools/{name}",
            GetWorkPool="GET /work-pools/{name}",
            DeleteWorkPool="DELETE /work-pools/{name}",
            SaveWorkQueue="PUT /work-pools/{work_pool}/queues/{name}",
            DeleteWorkQueue="DELETE /work-pools/{work_pool}/queues/{name}",
            ListWorkers="GET /workers",
        ),
        **_group(
            "Work",
            ClaimRuns="POST /work/claim",
            RenewClaims="POST /work/renew",
            EndClaims="POST /work/end",
            ReapClaims="POST /work/reap",
            NoteInfrastructure="POST /flow-runs/{flow_run_id}/infrastructure",
            EndClaim="POST /flow-runs/{flow_run_id}/end-claim",
            ExplainRun="GET /flow-runs/{flow_run_id}/why",
            RequeueRun="POST /flow-runs/{flow_run_id}/requeue",
            PauseRun="POST /flow-runs/{flow_run_id}/pause",
            ListRunInputs="GET /flow-runs/{flow_run_id}/inputs",
            AnswerRun="POST /flow-runs/{flow_run_id}/answer",
            SendToRun="POST /flow-runs/{flow_run_id}/messages",
            ListRunMessages="GET /flow-runs/{flow_run_id}/messages",
        ),
        **_group(
            "Deployments",
            ListDeployments="GET /deployments",
            SaveDeployment="POST /deployments",
            GetDeployment="GET /deployments/{key:path}",
            DeleteDeployment="DELETE /deployments/{key:path}",
            PauseDeployment="POST /deployment-pauses/{key:path}",
            ListDeploymentVersions="GET /deployment-versions/{key:path}",
            UseDeploymentVersion="POST /deployment-versions/{key:path}",
            RequestRun="POST /deployment-runs/{deployment:path}",
            GetRunRequest="GET /flow-runs/{flow_run_id}/request",
            CheckDeadlines="POST /deadlines/check",
        ),
        **_group(
            "Schedules",
            ListTicks="GET /ticks",
            FireSchedules="POST /schedules/fire",
            PreviewSchedule="POST /schedules/preview",
            SaveSchedule="PUT /schedules/{key:path}",
            SetScheduleActive="PATCH /schedules/{slug}/{key:path}",
            RemoveSchedule="DELETE /schedules/{slug}/{key:path}",
            ExceptTick="POST /schedule-exceptions/{slug}/{key:path}",
        ),
        **_group(
            "Backfills",
            ListBackfills="GET /backfills",
            CreateBackfill="POST /backfills",
            AdvanceBackfills="POST /backfills/advance",
            GetBackfill="GET /backfills/{id}",
            MoveBackfill="POST /backfills/{id}/move",
        ),
        **_group("Datasets", ListDatasetUses="GET /dataset-uses"),
        **_group("Events", ListEvents="GET /events", ListChanges="POST /changes"),
        **_group(
            "Database",
            RunQuery="POST /database/query",
            DescribeStore="GET /database",
            MeasureStore="GET /database/measures",
            Prune="POST /database/prune",
        ),
        **_group(
            "Writers",
            Ingest="POST /writers/{writer_id}/records",
            MakeDurable="POST /writers/{writer_id}/durable",
            FindOpenRuns="GET /writers/{writer_id}/open-runs",
            MarkCrashed="POST /writers/{writer_id}/crashed",
            ReapLeases="POST /writers/reap",
        ),
    }
)


def route_of(verb: type[Request[Any]]) -> Route:
    """The route of a verb."""
    return ROUTES[verb.__name__]


@remembered
def answer_type(verb: type[Request[Any]]) -> Any:
    """What the orchestrator answers to a verb.

    >>> from penstock.ports import GetFlowRun
    >>> answer_type(GetFlowRun).__name__
    'FlowRun'
    """
    for base in getattr(verb, "__orig_bases__", ()):
        if get_origin(base) is Request:
            return get_args(base)[0]
    raise TypeError(f"{verb.__name__} does not say what it is answered with: derive it from Request[...].")


@dataclass(frozen=True, slots=True)
class Call:
    """A verb as an HTTP request."""

    method: str
    target: str
    body: bytes | None


def write_call(request: Request[Any]) -> Call:
    """Write a request as an HTTP call. Fields that have their default are left out of the query."""
    route = route_of(type(request))
    values: dict[str, Any] = encoder(type(request))(request)
    path = route.path
    for name in route.path_fields:
        value = str(values.pop(name))
        # A slash stands for itself only where the route takes the rest of the path.
        path = path.replace(f"{{{name}:path}}", quote(value)).replace(f"{{{name}}}", quote(value, safe=""))
    if route.has_body:
        return Call(route.method, path, dump(values))
    query = urlencode([pair for name, value in values.items() for pair in _query_pairs(name, value)])
    return Call(route.method, f"{path}?{query}" if query else path, None)


def _query_pairs(name: str, value: Any) -> Iterator[tuple[str, str]]:
    if value is None:
        return
    for item in value if isinstance(value, list) else [value]:
        yield name, str(item).lower() if isinstance(item, bool) else str(item)


# ---- Values -----------------------------------------------------------------------------------------------------


def dump(value: Any) -> bytes:
    """Write JSON. What JSON cannot say is written as text: dates of a query's answer, NaN."""
    try:
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False, default=_as_text).encode()
    except ValueError:  # halves of surrogate pairs are ValueErrors too
        return json.dumps(_sayable(value), separators=(",", ":"), default=_as_text).encode()


def _as_text(value: Any) -> Any:
    if isinstance(value, bytes | memoryview):
        return bytes(value).hex()
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _sayable(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, str):
        return "".join("\N{REPLACEMENT CHARACTER}" if "\ud800" <= c <= "\udfff" else c for c in value)
    if isinstance(value, list | tuple):
        return [_sayable(item) for item in value]
    if isinstance(value, dict):
        return {_sayable(key): _sayable(item) for key, item in value.items()}
    return value


def _same(value: Any) -> Any:
    return value


@remembered
def encoder(hint: Any) -> Coder:
    """What turns a value of a type into JSON's own types; `_same` where it is that already."""
    origin, args = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        inner = [encoder(arg) for arg in args if arg is not NoneType]
        return _optional(inner[0]) if len(inner) == 1 else _same
    if is_dataclass(origin or hint):
        return _object_encoder(hint)
    if origin in (AbstractSequence, list) or (origin is tuple and args[-1:] == (Ellipsis,)):
        item = encoder(args[0])
        return list if item is _same else lambda value: [item(element) for element in value]
    if origin is tuple:
        items = [encoder(arg) for arg in args]
        return lambda value: [code(element) for code, element in zip(items, value, strict=True)]
    if origin in (AbstractMapping, dict):
        item = encoder(args[1])
        return dict if item is _same else lambda value: {str(key): item(element) for key, element in value.items()}
    return _same


def _optional(code: Coder) -> Coder:
    return _same if code is _same else lambda value: None if value is None else code(value)


def _object_encoder(hint: Any) -> Coder:
    coders = [(name, encoder(field_hint)) for name, field_hint in field_types(hint).items()]
    plain = [name for name, code in coders if code is _same]
    coded = [(name, code) for name, code in coders if code is not _same]

    def encode(value: Any) -> dict[str, Any]:
        made = {name: getattr(value, name) for name in plain}
        for name, code in coded:
            made[name] = code(getattr(value, name))
        return made

    return encode


@remembered
def decoder(hint: Any) -> Coder:
    """What makes a value of a type from JSON's own types. Unknown fields are passed over: a newer server may say more."""
    origin, args = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        inner = [decoder(arg) for arg in args if arg is not NoneType]
        return _optional(inner[0]) if len(inner) == 1 else _same
    if is_dataclass(origin or hint):
        return _object_decoder(hint)
    if origin in (AbstractSequence, list, tuple):
        return _sequence_decoder(origin, args)
    if origin in (AbstractMapping, dict):
        item = decoder(args[1])
        return _same if item is _same else lambda value: {key: item(element) for key, element in value.items()}
    if isinstance(hint, NewType):
        return decoder(hint.__supertype__)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return hint
    return _same


def _sequence_decoder(origin: Any, args: Sequence[Any]) -> Coder:
    if origin is tuple and args[-1:] != (Ellipsis,):
        items = [decoder(arg) for arg in args]
        return lambda value: tuple(code(element) for code, element in zip(items, value, strict=True))
    item = decoder(args[0])
    return tuple if item is _same else lambda value: tuple([item(element) for element in value])


def _object_decoder(hint: Any) -> Coder:
    made: Any = get_origin(hint) or hint
    coders = [(name, decoder(field_hint)) for name, field_hint in field_types(hint).items()]
    required = [f.name for f in fields(made) if f.default is MISSING and f.default_factory is MISSING]

    def decode(value: Any) -> Any:
        given = {name: code(value[name]) for name, code in coders if name in value}
        if len(given) < len(required):
            raise KeyError(next(name for name in required if name not in given))
        return made(**given)

    return decode


@remembered
def field_types(hint: Any) -> Mapping[str, Any]:
    """The types of a dataclass's fields, with the parameters of a generic one filled in."""
    made: Any = get_origin(hint) or hint
    hints = get_type_hints(made)
    filled = dict(zip(getattr(made, "__parameters__", ()), get_args(hint), strict=False))
    return {f.name: _fill(hints[f.name], filled) for f in fields(made)}


def _fill(hint: Any, filled: Mapping[Any, Any]) -> Any:
    if isinstance(hint, TypeVar):
        return filled.get(hint, Any)
    args = get_args(hint)
    if not filled or not any(isinstance(arg, TypeVar) for arg in args):
        return hint
    return get_origin(hint)[tuple(_fill(arg, filled) for arg in args)]


# ---- Errors -----------------------------------------------------------------------------------------------------

STATUSES: Mapping[type[PenstockError], int] = MappingProxyType(
    {
        errors.NotAuthorized: 401,
        errors.RequestRefused: 403,
        errors.NotFound: 404,
        errors.Conflict: 409,
        errors.Ambiguous: 409,
        errors.SecretUnreadable: 409,
        errors.EncryptionKeyMissing: 409,
        errors.NotificationFailed: 409,
        errors.BlockTypeUnknown: 404,
        errors.PlaceholderUnknown: 422,
        errors.BlockInvalid: 422,
        errors.RunNotResumable: 409,
        errors.TransitionRefused: 409,
        errors.EpochSuperseded: 409,
        errors.JournalCorrupt: 422,
        errors.JournalError: 409,
        errors.TooLarge: 413,
        errors.CursorInvalid: 422,
        errors.QueryRefused: 422,
        errors.SearchInvalid: 422,
        errors.RequestInvalid: 422,
        errors.ParameterInvalid: 422,
        errors.ScheduleInvalid: 422,
        errors.TemplateInvalid: 422,
        errors.VersionMismatch: 426,
        errors.StoreFull: 507,
        errors.StoreError: 503,
        PenstockError: 400,
    }
)
"""The HTTP status of each class of errors: that of the nearest class above it."""


def status_of(error: PenstockError) -> int:
    """The HTTP status that tells of an error."""
    return next(STATUSES[class_] for class_ in type(error).__mro__ if class_ in STATUSES)


def encode_error(error: PenstockError) -> dict[str, Any]:
    """Write an error: its class as the client knows it, its text, and its facts.

    >>> encode_error(errors.NotFound("flow", "etl"))["type"]
    'NotFound'
    """
    known = next(class_ for class_ in type(error).__mro__ if getattr(errors, class_.__name__, None) is class_)
    facts = {name: value for name, value in vars(error).items() if not name.startswith("_")}
    return {"type": known.__name__, "message": str(error), "facts": facts}


def decode_error(said: Mapping[str, Any]) -> PenstockError:
    """Make the error that a server told of; one of an unknown class becomes a `PenstockError` with its text.

    >>> decode_error({"type": "NotFound", "message": "No such flow.", "facts": {"near": ["etl"]}}).near
    ('etl',)
    """
    class_ = getattr(errors, str(said.get("type")), None)
    if not (isinstance(class_, type) and issubclass(class_, PenstockError)):
        class_ = PenstockError
    error: PenstockError = class_.__new__(class_)
    Exception.__init__(error, str(said.get("message", "")))
    for name, value in dict(said.get("facts") or {}).items():
        setattr(error, name, tuple(value) if isinstance(value, list) else value)
    return error
