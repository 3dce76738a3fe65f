"""What the server does by itself: how its services are doing, and what retention keeps."""

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from penstock.server.routes import API_PREFIX, describe_errors
from penstock.services.units import Services, UnitReport
from penstock.settings import Settings


class Service(BaseModel):
    """Something that this server does once in a while."""

    name: str = Field(examples=["retention"])
    interval_seconds: float
    last_at: int | None = Field(description="When it was called last, microseconds UTC; none before the first time.")
    last_seconds: float | None = Field(description="How long that took.")
    last_done: int | None = Field(description="How many things were done then.")
    error: str | None = Field(description="Why the last call failed; none if it did not.")


class Upkeep(BaseModel):
    """What keeps runs, schedules and the database in order."""

    services: list[Service] = Field(description="Of this server; none if it was started with `--no-services`.")
    retention_days: float = Field(description="Ended runs older than this are removed; 0 keeps them for ever.")
    lease_seconds: float = Field(description="So long nothing may be heard of a process before its runs have crashed.")


def make_router(services: Services, settings: Settings) -> APIRouter:
    """The route that tells of it."""
    router = APIRouter(prefix=API_PREFIX, tags=["Server"])
    answers: dict[int | str, dict[str, Any]] = describe_errors("")

    @router.get("/upkeep", summary="How are its services doing?", operation_id="GetUpkeep", responses=answers)
    async def show() -> Upkeep:
        return Upkeep(
            services=[_shown(report) for report in services.report()],
            retention_days=settings.retention_days,
            lease_seconds=settings.lease_seconds,
        )

    return router


def _shown(report: UnitReport) -> Service:
    last = report.last
    return Service(
        name=report.name,
        interval_seconds=report.interval_seconds,
        last_at=None if last is None else int(last.at * 1_000_000),
        last_seconds=None if last is None else last.seconds,
        last_done=None if last is None else last.done,
        error=None if last is None else last.error,
    )
