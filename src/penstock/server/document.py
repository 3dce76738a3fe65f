"""The API's OpenAPI document, kept as a reviewed file: `python -m penstock.server.document docs/reference/openapi.json`."""

import json
import sys
from pathlib import Path

from penstock.ports import LOCAL, Principal, R, Request
from penstock.server.app import create_api
from penstock.server.claiming import ClaimDesk
from penstock.server.feed import Feed
from penstock.server.guard import Door
from penstock.server.metrics import Metrics
from penstock.services.units import Services
from penstock.settings import Settings


class _Nobody:
    """An orchestrator that is never asked."""

    def ask(self, request: Request[R], principal: Principal = LOCAL) -> R:
        raise NotImplementedError

    def close(self) -> None:
        pass


def openapi_text() -> str:
    """The document as the file holds it."""
    document = create_api(
        _Nobody(),
        door=Door(),
        metrics=Metrics(),
        feed=Feed(_Nobody()),
        desk=ClaimDesk(_Nobody()),
        services=Services([]),
        settings=Settings(),
    ).openapi()
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(openapi_text())
