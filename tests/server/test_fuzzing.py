"""schemathesis reads the document and asks what it allows and forbids: no answer is a fault, each is as documented."""

import json
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from penstock.orchestrator.local import LocalOrchestrator
from penstock.server.app import create_app
from penstock.server.document import openapi_text
from penstock.store import open_store
from penstock.store.sealing import KEY_FILE, Keys
from penstock.wire import JOURNAL_TYPE

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
EXAMPLES = 15
NOT_ASKED = ("/api/stream",)
"""Answers for as long as somebody listens."""


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> object:
    path: Path = tmp_path_factory.mktemp("fuzzing") / "penstock.db"
    keys = Keys(path.with_name(KEY_FILE))
    return create_app(LocalOrchestrator(open_store(f"sqlite:///{path}"), keys=lambda: keys))


@schemathesis.serializer(JOURNAL_TYPE)
def write_lines(context: object, value: object) -> bytes:
    """Journals are not JSON documents: any text is a try."""
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")


def without_tuples(value: Any) -> Any:
    """schemathesis writes `prefixItems` back as a list of `items`, which this version of JSON Schema does not know."""
    if isinstance(value, dict):
        return {key: without_tuples(item) for key, item in value.items() if key != "prefixItems"}
    return [without_tuples(item) for item in value] if isinstance(value, list) else value


schema = schemathesis.openapi.from_dict(without_tuples(json.loads(openapi_text()))).exclude(path=list(NOT_ASKED))


@pytest.mark.slow
@schema.parametrize()
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
def test_no_request_is_answered_with_a_fault(case: schemathesis.Case, app: object) -> None:
    case.operation.schema.app = app
    case.call_and_validate(app=app, checks=CHECKS, headers={"Host": "localhost"})
