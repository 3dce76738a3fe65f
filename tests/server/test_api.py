"""The API's document, its about routes, hostile texts."""

import json
from pathlib import Path
from typing import Any

import pytest

from penstock.ports import ListFlowRuns
from penstock.server.document import openapi_text
from penstock.server.examples import EXAMPLES
from penstock.server.models import body_model
from penstock.server.routes import find_verb
from penstock.server.samples import example_of
from penstock.wire import ROUTES, answer_type, decoder, dump, encoder, field_types
from penstock.work import SaveWorkPool
from tests.contract.telling import Teller, defined, logged, seen
from tests.server.conftest import Served

SNAPSHOT = Path(__file__).resolve().parents[2] / "docs" / "reference" / "openapi.json"
NOT_ASKED = ("/api/stream", "/api/notifications/deliver")
"""One answers for ever; the other wants keys, which this server has not."""
HOSTILE = ["<script>alert(1)</script>", "\x1b[2Jescape", "'; DROP TABLE flow_run; --", "a" * 10_000, "☃\u202e"]


def test_the_reviewed_document_is_current() -> None:
    """If this fails: `python -m penstock.server.document docs/reference/openapi.json`, and look at what changed."""
    assert SNAPSHOT.read_text() == openapi_text()


def test_every_verb_has_its_route_in_the_document(served: Served) -> None:
    document = served.http.get("/api/openapi.json").json()
    operations = {operation["operationId"] for path in document["paths"].values() for operation in path.values()}
    assert set(ROUTES) <= operations


def test_the_document_says_how_the_key_is_shown(served: Served) -> None:
    document = served.http.get("/api/openapi.json").json()
    assert "bearer" == document["components"]["securitySchemes"]["key"]["scheme"]
    assert [{"key": []}, {}] == document["security"]


def test_every_answer_of_the_document_has_a_type(served: Served) -> None:
    document = served.http.get("/api/openapi.json").json()
    untyped = [
        operation["operationId"]
        for path in document["paths"].values()
        for operation in path.values()
        for content in operation["responses"]["200"].get("content", {}).values()
        if not content.get("schema") and not answers_nothing(operation["operationId"])
    ]
    assert [] == untyped


def answers_nothing(operation: str) -> bool:
    return operation in ROUTES and answer_type(find_verb(operation)) in (None, type(None))


@pytest.mark.parametrize("name", sorted(set(ROUTES) - {"Ingest"}))
def test_an_example_is_what_the_verb_takes_and_answers(name: str) -> None:
    verb, route = find_verb(name), ROUTES[name]
    example = example_of(verb, route)
    if example.body is not None:
        names = tuple(field for field in field_types(verb) if field not in route.path_fields)
        body = body_model(verb, names).model_validate(example.body)
        assert example.body == body.model_dump(exclude_unset=True, mode="json")
    if example.answer is not None:
        hint = answer_type(verb)
        read = decoder(hint)(example.answer)
        assert example.answer == keep_keys(json.loads(dump(encoder(hint)(read))), example.answer)


def test_what_is_not_there_is_refused_as_the_document_says(served: Served) -> None:
    """Every route is asked for things that nobody knows, with its example for a body."""
    served.local.ask(SaveWorkPool(name="mill"))
    undocumented = []
    for path, operations in served.http.get("/api/openapi.json").json()["paths"].items():
        for method, operation in operations.items() if path not in NOT_ASKED else ():
            given = operation.get("parameters", [])
            fields = {one["name"]: unknown(one["name"]) for one in given if one["in"] == "path"}
            query = {
                one["name"]: unknown(one["name"]) for one in given if one["name"] in ("work_pool", "deployment", "key")
            }
            body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("example")
            answer = served.http.request(method, path.format(**fields), params=query, json=body)
            if str(answer.status_code) not in operation["responses"]:
                undocumented.append((operation["operationId"], answer.text))
    assert [] == undocumented


def unknown(field: str) -> str:
    if field in ("key", "deployment"):
        return "no/such"
    return "0" * 32 if field.endswith("id") or field in ("left", "right") else "none"


def keep_keys(found: Any, wanted: Any) -> Any:
    """Leave out what an example does not show; nothing that it does show."""
    if isinstance(wanted, dict):
        return {key: keep_keys(value, wanted[key]) for key, value in found.items() if key in wanted}
    if isinstance(wanted, list):
        return [keep_keys(*pair) for pair in zip(found, wanted, strict=True)]
    return found


def test_the_document_shows_the_examples(served: Served) -> None:
    document = served.http.get("/api/openapi.json").json()
    shown = document["paths"]["/api/flow-runs/filter"]["post"]
    assert EXAMPLES["ListFlowRuns"].body == shown["requestBody"]["content"]["application/json"]["example"]
    answered = shown["responses"]["200"]["content"]["application/json"]["example"]["items"]
    assert [EXAMPLES["GetFlowRun"].answer["id"]] == [run["id"] for run in answered]


def test_the_server_says_who_it_is(served: Served) -> None:
    assert "penstock" == served.http.get("/api/health").json()["name"]
    assert "sqlite" == served.http.get("/api/ready").json()["database"]
    assert 1 == served.http.get("/api/version").json()["api"]


def test_the_server_says_what_it_does_by_itself(served: Served) -> None:
    served.services.run_due()
    upkeep = served.http.get("/api/upkeep").json()
    (service,) = upkeep["services"]
    assert ("scheduler", 0, None, 90) == (
        service["name"], service["last_done"], service["error"], upkeep["retention_days"]
    )  # fmt: skip
    assert service["last_at"] > 0


def test_metrics_count_what_was_asked(served: Served) -> None:
    served.http.get("/api/flows")
    text = served.http.get("/metrics").text
    assert 'penstock_requests_total{method="GET",route="/api/flows",status="200"} 1.0' in text


def test_the_console_is_served_for_every_other_path(served: Served) -> None:
    for path in ("/", "/runs", "/runs/123"):
        answer = served.http.get(path)
        assert (200, "text/html; charset=utf-8") == (answer.status_code, answer.headers["content-type"])


@pytest.mark.parametrize("path", ["/../pyproject.toml", "/..%2f..%2fapp.py", "/%2e%2e/app.py", "/a%00b"])
def test_the_console_shows_no_other_files(served: Served, path: str) -> None:
    assert "import" not in served.http.get(path).text


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_comes_back_as_it_went(served: Served, teller: Teller, text: str) -> None:
    run_id = teller.begin(text, name=text, parameters={"p": text}, tags=(text,))
    teller.tell(defined(), seen(run_id, message=text), logged(run_id, text))
    run = served.remote().ask(ListFlowRuns()).items[0]
    assert (text, text, {"p": text}, (text,)) == (run.flow_name, run.name, run.parameters, run.tags)
    answer = served.http.post("/api/logs/filter", json={"flow_run_id": run_id})
    assert (text, "application/json") == (answer.json()["items"][0]["message"], answer.headers["content-type"])
