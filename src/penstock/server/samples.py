"""Examples that nobody wrote by hand: made from the types of a verb, with values by the names of its fields."""

from collections.abc import Mapping, Sequence
from collections.abc import Mapping as AbstractMapping
from collections.abc import Sequence as AbstractSequence
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from types import MappingProxyType, NoneType, UnionType
from typing import Any, NewType, Union, get_args, get_origin

from penstock.server.examples import (
    AT,
    COMPLETED,
    EXAMPLES,
    FLOW_RUN,
    LINE,
    RUN,
    SECOND,
    TASK,
    TASK_RUN,
    WRITER,
    Example,
)
from penstock.wire import Route, answer_type, field_types

DEPTH_MAX = 5
TIMES = ("_at", "_until", "since", "until", "before_at", "period_start", "period_end")
IDS: Mapping[str, str] = MappingProxyType({"TaskRunId": TASK_RUN, "WriterId": WRITER})

SAMPLES: Mapping[str, Any] = MappingProxyType(
    {
        "action": "write",
        "actor": "you",
        "at": AT,
        "bucket_us": 900 * SECOND,
        "bytes": 196_608,
        "changed": 1_042,
        "code": "no_worker",
        "code_version": "0169470797f09b49",
        "collision": "enqueue",
        "cron": "0 5 * * *",
        "dataset": "taxi/green",
        "data": "**97,972** trips are in the lake.",
        "database": "sqlite",
        "dialect": "sqlite",
        "definition": {"kind": "cron", "slug": "nightly", "cron": "0 5 * * *", "timezone": "Europe/Berlin"},
        "deployment": "nightly",
        "deployment_name": "nightly",
        "description": "Loads the trips of a month.",
        "duration": 42 * SECOND,
        "duration_median": 42 * SECOND,
        "entrypoint": "web_to_lake.py:web_to_lake",
        "environment": {
            "python": "3.11.9",
            "penstock": "0.1.0",
            "platform": "Linux 6.1 x86_64",
            "prefix": "/home/you/.venv",
        },
        "flow_name": "web-to-lake",
        "decay_per_second": 0.5,
        "flow_version": "1.2",
        "holder": "task run load-0 of brave-otter",
        "host": "you-laptop",
        "infrastructure": "process:4242",
        "key": "report",
        "kind": "penstock.flow-run.Failed",
        "level": 20,
        "location": "file:///home/you/lake/taxi/green",
        "logger": "penstock.flow_runs",
        "message": "green_tripdata_2020-05.csv.gz: the server answered 503",
        "missing": [],
        "name": "brave-otter",
        "names": ["warehouse"],
        "next_at": AT + 86_400 * SECOND,
        "on_crash": "retry",
        "parameters": {"year": 2020, "months": [4, 5]},
        "path": "/home/you/taxi",
        "payload": {"name": "brave-otter", "flow": "web-to-lake"},
        "pid": 4242,
        "reason": "It runs 3.1 s longer than usual.",
        "resource": f"penstock.flow-run.{RUN}",
        "rows": 97_972,
        "schedule": "nightly",
        "schema_digest": "5d3f0c7a9b8e41d2",
        "slug": "nightly",
        "sql": "SELECT flow, count(*) AS runs FROM flow_runs GROUP BY flow",
        "state_name": "Completed",
        "states": {"COMPLETED": 6},
        "success_rate": 0.941,
        "tag": "nightly",
        "tags": ["nightly"],
        "task_name": "fetch",
        "text": "brave",
        "timezone": "Europe/Berlin",
        "type_slug": "secret",
        "upstream": [],
        "url": "slack://TokenA/TokenB/TokenC",
        "version": 3,
        "version_name": "1.2",
        "where": "state:failed started>-2h",
        "why": "It has ended.",
        "work_pool": "local",
        "work_queue": "default",
        "worker": "you-laptop-4242",
    }
)
"""What a field of this name may hold, wherever its type allows it."""

OWN: Mapping[str, Any] = MappingProxyType(
    {
        "Artifact.type": "markdown",
        "BlockDocument.name": "lake",
        "ConcurrencyLimit.decay_per_second": None,
        "ConcurrencyLimit.name": "warehouse",
        "Deployment.name": "nightly",
        "Explanation.message": "No worker of work pool local was ever heard of.",
        "GraphEdge.kind": "result",
        "GraphNode.kind": "task",
        "Page.cursor": None,
        "SaveDeployment.name": "nightly",
        "SlotsAnswer.waiting_for": "warehouse",
        "Variable.name": "lake",
        "WorkPool.name": "local",
        "WorkPool.type": "process",
        "WorkQueue.name": "default",
        "Worker.name": "you-laptop-4242",
        "WorkerHello.name": "you-laptop-4242",
    }
)
"""What a field of one class holds."""

WHOLE: Mapping[str, Any] = MappingProxyType(
    {"FlowRun": FLOW_RUN, "TaskRun": TASK, "LogLine": LINE, "RunState": COMPLETED}
)
"""Things that are shown often, as somebody wrote them down."""


def example_of(verb: type[Any], route: Route) -> Example:
    """What is sent in the body of a verb, and what comes back."""
    written, hint = EXAMPLES.get(verb.__name__, Example()), answer_type(verb)
    made_body = make_body(verb, route.path_fields) if route.has_body else None
    made_answer = None if hint in (None, NoneType) else make_value(hint)
    return Example(
        made_body if written.body is None else written.body, made_answer if written.answer is None else written.answer
    )


def describe_example(verb: type[Any], route: Route) -> dict[str, Any]:
    """What OpenAPI says of a verb's examples."""
    example, said = example_of(verb, route), {}
    if example.body:
        said["requestBody"] = {"content": {"application/json": {"example": example.body}}}
    if example.answer is not None:
        said["responses"] = {"200": {"content": {"application/json": {"example": example.answer}}}}
    return said


def make_body(verb: type[Any], path_fields: Sequence[str]) -> Any:
    """A body with what the verb has to be told; with what it may be told if that is nothing."""
    types = field_types(verb)
    asked = [f for f in fields(verb) if f.name not in path_fields]
    needed = [f for f in asked if f.default is MISSING and f.default_factory is MISSING]
    told = needed or [f for f in asked if f.name in SAMPLES]
    own = {f.name: OWN.get(f"{verb.__name__}.{f.name}", MISSING) for f in told}
    return {f.name: make_value(types[f.name], f.name) if own[f.name] is MISSING else own[f.name] for f in told}


def make_value(hint: Any, name: str = "", depth: int = 0) -> Any:
    """A value of a type, as JSON has it."""
    origin, args = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        inner = next(arg for arg in args if arg is not NoneType)
        return None if depth >= DEPTH_MAX else make_value(inner, name, depth)
    if is_dataclass(origin or hint):
        return _object(hint, depth)
    if isinstance(hint, NewType):
        return IDS.get(hint.__name__, RUN)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return next(iter(hint)).value
    if name in SAMPLES and _fits(SAMPLES[name], origin or hint):
        return SAMPLES[name]
    if origin in (AbstractSequence, list):
        return [] if depth >= DEPTH_MAX else [make_value(args[0], name.removesuffix("s"), depth + 1)]
    if origin is tuple:
        return [make_value(arg, name, depth + 1) for arg in args if arg is not Ellipsis]
    if origin in (AbstractMapping, dict):
        return {}
    return _scalar(hint, name)


def _object(hint: Any, depth: int) -> Any:
    made: Any = get_origin(hint) or hint
    if made.__name__ in WHOLE:
        return WHOLE[made.__name__]
    known = {part: OWN.get(f"{made.__name__}.{part}", MISSING) for part in field_types(hint)}
    return {
        part: make_value(type_, part, depth + 1) if known[part] is MISSING else known[part]
        for part, type_ in field_types(hint).items()
    }


def _fits(sample: Any, hint: Any) -> bool:
    wanted = {AbstractSequence: list, AbstractMapping: dict, Any: object}.get(hint, hint)
    return isinstance(wanted, type) and isinstance(sample, wanted) and not (wanted is int and isinstance(sample, bool))


def _scalar(hint: Any, name: str) -> Any:
    if hint is int:
        return AT if name.endswith(TIMES) else 1
    if hint is str:
        return RUN if name == "id" or name.endswith("_id") else "text"
    return {bool: False, float: 60.0}.get(hint)
