"""What a client may ask of a server's history: each reading route of the OpenAPI document, with what people look for.

A route that needs more than `PLACES` and `VARIANTS` say fails the benchmark, so that a new one is not forgotten.
"""

import http.client
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

READING = ("List", "Get", "Find", "Describe", "Measure", "Preview", "Explain", "Compare")
"""How the operations begin that change nothing."""
LEFT_OUT = {
    "Stream": "lasts as long as somebody listens",
    "DownloadLogs": "lasts as long as the log",
    "RunQuery": "takes what the statement takes",
}
ABSENT = {"GetBlock", "GetBlockType", "GetBackfill", "GetRunRequest"}
"""Asked for what the history has none of: the answer is that there is no such thing."""
DAY_US = 86_400_000_000
NOBODY = "0" * 32


@dataclass(frozen=True)
class Question:
    operation: str
    method: str
    path: str
    about: str = ""
    query: Mapping[str, Any] = field(default_factory=dict)
    body: Any = None

    def __str__(self) -> str:
        return f"{self.operation}{': ' if self.about else ''}{self.about}"


class Refused(Exception):
    def __init__(self, question: Question, status: int, content: bytes) -> None:
        super().__init__(
            f"{question} ({question.method} {question.path}) was answered with {status}: {content[:500]!r}"
        )


class Asker:
    """One connection to a server."""

    def __init__(self, url: str):
        parts = urlsplit(url)
        self._connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=120)

    def ask(self, question: Question) -> tuple[float, bytes]:
        """Seconds until the whole answer was there, and the answer. Raises `Refused`."""
        pairs = [(name, word) for name, value in question.query.items() for word in _words(value)]
        target = f"{question.path}?{urlencode(pairs)}" if pairs else question.path
        body = None if question.body is None else json.dumps(question.body)
        begin = time.perf_counter()
        self._connection.request(question.method, target, body, {"Content-Type": "application/json"})
        answer = self._connection.getresponse()
        content = answer.read()
        seconds = time.perf_counter() - begin
        if answer.status != (404 if question.operation in ABSENT else 200):
            raise Refused(question, answer.status, content)
        return seconds, content

    def read(self, path: str, body: Any = None, **query: Any) -> Any:
        """The answer to a question of our own."""
        return json.loads(self.ask(Question("", "GET" if body is None else "POST", path, query=query, body=body))[1])


def list_questions(asker: Asker) -> Iterator[Question]:
    """All of them, in the order of the document."""
    places, variants = _look_around(asker)
    for path, operations in asker.read("/api/openapi.json")["paths"].items():
        for method, described in operations.items():
            operation = described["operationId"]
            if operation not in LEFT_OUT and (method == "get" or operation.startswith(READING)):
                filled = _fill(path, {**places, **places.get(operation, {})})
                for about, said in variants.get(operation, {"": {}}).items():
                    values = {"query": said} if method == "get" else {"body": said}
                    yield Question(operation, method.upper(), filled, about, **values)


def _look_around(asker: Asker) -> tuple[dict[str, Any], dict[str, Mapping[str, Any]]]:
    """What the history has that can be asked for."""
    runs = asker.read("/api/flow-runs/filter", body={"limit": 100})["items"]
    big = max(runs, key=lambda run: sum(run["task_counts"].values()))
    run, same_flow = next(
        (one, other) for one in runs for other in runs if one["flow_name"] == other["flow_name"] and one is not other
    )
    task_run = asker.read("/api/task-runs/filter", body={"flow_run_id": run["id"], "limit": 1})["items"][0]
    now = max(run["started_at"] for run in runs) + 1
    places = {
        "id": big["id"],
        "flow_run_id": big["id"],
        "left": big["id"],
        "right": run["id"],
        "name": run["flow_name"],
        "id_or_key": "report-1",
        "type_slug": "nothing",
        "slug": "nothing",
        "work_pool": "pool-1",
        "key": f"{run['flow_name']}/{run['deployment']}",
        "writer_id": run["writer_id"],
        "GetTaskRun": {"id": task_run["id"]},
        "GetVariable": {"name": "variable-007"},
        "GetConcurrencyLimit": {"name": "tag:limit-07"},
        "ListHeldSlots": {"name": "tag:limit-07"},
        "ListSlotWaiters": {"name": "tag:limit-07"},
        "GetWorkPool": {"name": "pool-1"},
        "GetBackfill": {"id": NOBODY},
    }
    return places, _variants(big=big, run=run, same_flow=same_flow, task_run=task_run, now=now)


def _variants(*, big: Any, run: Any, same_flow: Any, task_run: Any, now: int) -> dict[str, Mapping[str, Any]]:
    flow_name, deployment, day, month = run["flow_name"], run["deployment"], now - DAY_US, now - 30 * DAY_US
    long_ago = {"since": now - 60 * DAY_US, "until": now - 59 * DAY_US}
    filters: dict[str, Any] = {
        "all": {},
        "top level": {"top_level": True},
        "failed": {"state_types": ["FAILED"]},
        "running, of which there are none": {"state_types": ["RUNNING"]},
        "failed or crashed": {"state_types": ["FAILED", "CRASHED"]},
        "of a flow": {"flow_names": [flow_name]},
        "failed of a flow": {"flow_names": [flow_name], "state_types": ["FAILED"]},
        "of a deployment": {"flow_names": [flow_name], "deployments": [deployment]},
        "of a day long ago": long_ago,
        "with a tag": {"tags": ["nightly"]},
        "with a tag that none has": {"tags": ["weekly"]},
        "with a name in part": {"name_contains": "n-4999"},
        "with a text that none has": {"where": "nowhere"},
        "with a parameter": {"where": "param.year=2020"},
        "with a parameter that none has": {"where": "param.year=1920"},
        "long ones": {"where": "duration>59m"},
        "subflows of a run": {"parent_run_id": run["id"]},
    }
    first = {"cursor": None, "limit": 100}
    return {
        "ListFlowRuns": {about: {"filter": wanted, **first} for about, wanted in filters.items()}
        | {"1,000 of them": {"limit": 1_000}},
        "ListRunPoints": {
            "of 90 days": {"filter": {"top_level": True}},
            "of a month": {"filter": {"since": month}},
            "of a day": {"filter": {"since": day}},
            "of a flow": {"filter": {"flow_names": [flow_name]}},
            "failed": {"filter": {"state_types": ["FAILED"]}},
        },
        "GetRunActivity": {
            "of 90 days": {"since": now - 90 * DAY_US, "until": now},
            "of 90 days, all runs": {"since": now - 90 * DAY_US, "until": now, "top_level": False},
            "of a day": {"since": day, "until": now},
            "of 90 days of a flow": {"since": now - 90 * DAY_US, "until": now, "where": f"flow:{flow_name}"},
        },
        "GetOverview": {"of a day": {}, "of 30 days": {"window_seconds": 30 * 86_400}},
        "ListFlowSummaries": {"of a month": {"since": month}, "of all time": {}},
        "GetFlowSummary": {"of a month": {"since": month}, "of all time": {}},
        "GetFlowGrid": {"30 runs": {}, "100 runs": {"runs": 100}},
        "ListTaskRuns": {
            "of the run of 10,000": {"flow_run_id": big["id"], "limit": 200},
            "1,000 of the run of 10,000": {"flow_run_id": big["id"], "limit": 1_000},
            "failed of the run of 10,000": {"flow_run_id": big["id"], "state_types": ["FAILED", "CRASHED"]},
            "running of the run of 10,000": {"flow_run_id": big["id"], "state_types": ["RUNNING"]},
            "of a task of the run of 10,000": {"flow_run_id": big["id"], "task_names": ["task_7"]},
            "of all runs": {},
            "failed of all runs": {"state_types": ["FAILED"]},
            "running of all runs, of which there are none": {"state_types": ["RUNNING"]},
            "of a task of all runs": {"task_names": ["task_7"]},
            "of a task of all runs that there is not": {"task_names": ["nothing"]},
        },
        "ListLogs": {
            "of the run of 10,000": {"flow_run_id": big["id"], "with_subflows": True, "limit": 500},
            "errors of a run": {"flow_run_id": run["id"], "level_min": 40},
            "a text in a run": {"flow_run_id": run["id"], "text": "checksum"},
            "of a task run": {"task_run_id": task_run["id"]},
            "newest of all runs": {"newest_first": True, "limit": 500},
            "errors of all runs": {"newest_first": True, "level_min": 40},
            "words, in a day": {"text": "slow checksum", "since": day, "until": now},
            "words, in a day long ago": {"text": "slow checksum", **long_ago},
            "words, in a month": {"text": "slow checksum", "since": month, "until": now},
            "newest with words": {"text": "slow checksum", "newest_first": True},
            "a word that none has, in a month": {"text": "zebra", "since": month, "until": now},
            "critical in a day, of which there are none": {"level_min": 50, "since": day, "until": now},
        },
        "ListEvents": {
            "newest": {"newest_first": True},
            "newest of a kind": {"newest_first": True, "kinds": ["penstock.flow-run.Failed"]},
            "newest of two kinds": {
                "newest_first": True,
                "kinds": ["penstock.flow-run.Failed", "penstock.flow-run.Crashed"],
            },
            "of a kind that there is not": {"kinds": ["penstock.nothing"]},
            "from the first": {},
        },
        "ListChanges": {
            "nothing new": {},
            "the last run": {"after": big["changed"] - 1, "log_runs": [big["id"]], "with_events": True},
        },
        "ListArtifacts": {
            "all": {},
            "latest of each": {"latest_only": True},
            "of a key": {"key": "report-1"},
            "of a run": {"flow_run_id": run["id"]},
        },
        "ListDatasetUses": {
            "all": {},
            "of a dataset": {"dataset": "taxi/1"},
            "of a run": {"flow_run_id": run["id"]},
            "reads, of which there are none": {"action": "read"},
        },
        "ListDeployments": {
            "all": {},
            "of a pool": {"work_pool": "pool-1"},
            "with a tag": {"tag": "nightly"},
            "with a name in part": {"name_contains": "low-7/"},
        },
        "ListTicks": {"of a week": {"since": now, "until": now + 7 * DAY_US, "limit": 1_000}},
        "FindFlowRuns": {"by id": {"text": run["id"][:12]}, "by name": {"text": run["name"]}},
        "FindTaskRuns": {"by id": {"text": task_run["id"][:12]}},
        "FindCancellations": {"of a run": {"run_ids": [run["id"]]}},
        "CompareFlowRuns": {"with the run of 10,000": {}},
        "GetTimeline": {"of 10,000": {}},
        "GetRunGraph": {"of 10,000": {}},
        "ListRecordedCalls": {"1,000 of 10,000": {"limit": 1_000}},
        "ListRunMessages": {"of none": {"key": "input"}},
        "PreviewSchedule": {"": {"definition": {"kind": "cron", "slug": "s", "cron": "0 3 * * *"}}},
    }


def _fill(path: str, places: Mapping[str, Any]) -> str:
    parts = [quote(str(places[part[1:-1]])) if part.startswith("{") else part for part in path.split("/")]
    return "/".join(parts)


def _words(value: Any) -> Sequence[str]:
    if isinstance(value, list):
        return value
    return [str(value).lower()] if isinstance(value, bool) else [str(value)]
