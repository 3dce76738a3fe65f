"""`penstock concurrency-limit`: what is limited, who holds it, who waits."""

from typing import Any

from penstock.limits import AcquireSlots
from penstock.sdk import wiring
from tests.cli.conftest import Cli


def take(number: int) -> bool:
    request = AcquireSlots(id=f"{number:032x}", names=("db",), holder=f"flow run fox-{number}")
    return wiring.open_orchestrator().ask(request).acquired


def test_a_limit_is_made_used_freed_and_forgotten(cli: Cli, schemas: Any) -> None:
    assert "1 slot." in cli.ok("concurrency-limit", "create", "db", "1").err
    assert [True, False] == [take(1), take(2)]  # who waits asks again and again: so before each look
    limits = cli.ok("concurrency-limit", "ls", "--json").json
    schemas("concurrency-limit ls", limits)
    assert [("db", 1, 1, 1)] == [tuple(one[key] for key in ("name", "slots", "occupied", "waiting")) for one in limits]
    assert not take(2)
    found = cli.ok("concurrency-limit", "inspect", "db", "--json").json
    schemas("concurrency-limit inspect", found)
    assert (["flow run fox-1"], ["flow run fox-2"]) == tuple(
        [one["holder"] for one in found[part]] for part in ("held", "waiters")
    )
    assert not take(2)
    said = cli.ok("concurrency-limit", "inspect", "db").out
    assert "1 of 1" in said
    assert "waits  flow run fox-2" in said
    cli.ok("concurrency-limit", "reset", "db", "--yes")
    assert take(2)
    cli.ok("concurrency-limit", "delete", "db", "--yes")
    assert "db" in cli("concurrency-limit", "inspect", "db").err
    assert [] == cli.ok("concurrency-limit", "ls", "--json").json
