"""Examples of the main requests and answers, as the API's documentation shows them; `samples.py` makes the others."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

RUN = "01926f5e3a407d31aa5c2f9d6b0e4471"
TASK_RUN = "01926f5e3a407d31b7741c0d93ae5f02"
WRITER = "01926f5e39b17c88a1f2d4036c7be915"
AT = 1_728_400_000_000_000
SECOND = 1_000_000

RUNNING = {"type": "RUNNING", "name": "Running", "at": AT, "reason": None, "message": None}
COMPLETED = {"type": "COMPLETED", "name": "Completed", "at": AT + 42 * SECOND, "reason": "returned", "message": None}
FLOW_RUN = {
    "id": RUN,
    "flow_id": "9fb85f923db83373c01f18cf2463ff4d",
    "flow_name": "web-to-lake",
    "name": "brave-otter",
    "state": COMPLETED,
    "epoch": 1,
    "version": 2,
    "flow_version": None,
    "code_version": "0169470797f09b49",
    "entrypoint": "/home/you/taxi/web_to_lake.py:web_to_lake",
    "parameters": {"year": 2020, "months": [4, 5]},
    "tags": ["nightly"],
    "parent_run_id": None,
    "parent_task_run_id": None,
    "upstream": [],
    "created_at": AT,
    "expected_start_at": None,
    "started_at": AT,
    "ended_at": AT + 42 * SECOND,
    "result": None,
    "host": "you-laptop",
    "pid": 4242,
    "writer_id": WRITER,
    "cancel_requested_at": None,
    "task_counts": {"COMPLETED": 6},
    "expected_end_at": None,
    "changed": 1_042,
}
TASK = {
    "id": TASK_RUN,
    "flow_run_id": RUN,
    "task_id": "5d3f0c7a9b8e41d2a6c4f1e07b92d835",
    "task_key": "web_to_lake.fetch",
    "task_name": "fetch",
    "name": "fetch-0",
    "ordinal": 0,
    "epoch": 1,
    "parent_id": None,
    "state": COMPLETED,
    "attempt": 1,
    "attempts": [
        {
            "number": 1,
            "started_at": AT + SECOND,
            "ended_at": AT + 3 * SECOND,
            "state_name": "Completed",
            "message": None,
        }
    ],
    "created_at": AT + SECOND,
    "started_at": AT + SECOND,
    "ended_at": AT + 3 * SECOND,
    "tags": [],
    "upstream": [],
    "result": "pack:01926f5e3a40/0:678",
    "cache_key": None,
    "changed": 1_017,
}
LINE = {
    "seq": 1_067_450_368,
    "flow_run_id": RUN,
    "task_run_id": TASK_RUN,
    "at": AT + 3 * SECOND,
    "level": 20,
    "logger": "penstock.task_runs",
    "message": "Fetched green_tripdata_2020-04.csv.gz: 670,357 bytes.",
}


@dataclass(frozen=True, slots=True)
class Example:
    """What is sent in the body, and what comes back; none where there is nothing to show."""

    body: Any = None
    answer: Any = None


EXAMPLES: Mapping[str, Example] = MappingProxyType(
    {
        "ListFlowRuns": Example(
            {"filter": {"where": "state:failed,completed flow:web-to-* started>-2h param.year=2020"}, "limit": 50},
            {"items": [FLOW_RUN], "cursor": None},
        ),
        "BeginFlowRun": Example(
            {
                "flow_name": "web-to-lake",
                "name": "brave-otter",
                "writer": {
                    "writer_id": WRITER,
                    "host": "you-laptop",
                    "boot_id": "",
                    "pid": 4242,
                    "lease_seconds": 60.0,
                },
                "parameters": {"year": 2020, "months": [4, 5]},
            },
            {
                "run": {**FLOW_RUN, "state": RUNNING, "ended_at": None, "version": 1, "task_counts": {}},
                "limits": {"database": 2},
            },
        ),
        "GetFlowRun": Example(answer=FLOW_RUN),
        "CancelFlowRun": Example(
            {"message": "The wrong year."},
            {
                "accepted": True,
                "state": {**RUNNING, "type": "CANCELLING", "name": "Cancelling", "message": "The wrong year."},
                "why": "",
            },
        ),
        "ListStates": Example(answer=[{"state": RUNNING, "epoch": 1}, {"state": COMPLETED, "epoch": 1}]),
        "ListTaskRuns": Example(
            {"flow_run_id": RUN, "state_types": ["COMPLETED"], "limit": 100}, {"items": [TASK], "cursor": None}
        ),
        "GetTaskRun": Example(answer=TASK),
        "ListLogs": Example(
            {"flow_run_id": RUN, "level_min": 20, "text": "fetched", "with_subflows": True},
            {"items": [LINE], "cursor": None},
        ),
        "ListFlows": Example(
            answer={
                "items": [
                    {
                        "id": FLOW_RUN["flow_id"],
                        "name": "web-to-lake",
                        "created_at": AT,
                        "run_count": 12,
                        "last_run_at": AT,
                    }
                ],
                "cursor": None,
            }
        ),
        "GetRunActivity": Example(
            answer={
                "since": AT,
                "until": AT + 3_600 * SECOND,
                "bucket_us": 900 * SECOND,
                "counts": {"COMPLETED": [4, 3, 5, 4], "FAILED": [0, 1, 0, 0]},
                "totals": {"COMPLETED": 16, "FAILED": 1},
                "success_rate": 0.941,
            }
        ),
        "SetVariable": Example(
            {"value": {"bucket": "taxi"}, "tags": ["lake"], "overwrite": True},
            {"name": "lake", "value": {"bucket": "taxi"}, "tags": ["lake"], "created_at": AT, "updated_at": AT},
        ),
        "RunQuery": Example(
            {"sql": "SELECT flow, count(*) AS runs FROM flow_runs GROUP BY flow", "row_limit": 100},
            {"columns": ["flow", "runs"], "rows": [["web-to-lake", 12]], "truncated": False},
        ),
        "ListRunPoints": Example({"filter": {"where": "flow:web-to-lake", "since": AT}, "limit": 1_000}),
        "ListChanges": Example({"after": 1_042, "log_runs": [RUN], "with_events": True}),
        "SaveWorkQueue": Example({"priority": 1, "concurrency_limit": 4}),
        "SetConcurrencyLimit": Example({"slots": 2}),
        "FireSchedules": Example({"limit": 100}),
        "Prune": Example({"runs_older_than": AT, "dry_run": True}),
        "MeasureStore": Example(
            answer={
                "at": AT,
                "flow_runs": {"COMPLETED": 16, "FAILED": 1},
                "waiting": 0,
                "oldest_wait_us": 0,
                "events": 51,
                "bytes": 196_608,
            }
        ),
    }
)
