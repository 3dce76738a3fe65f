"""Flows that the browser's tests deploy, and a worker process runs."""

from typing import Literal

from pydantic import BaseModel, Field

from penstock import flow, pause_flow_run


class Box(BaseModel):
    south: float = Field(40.5, ge=-90, le=90, description="Degrees of latitude")
    north: float = Field(ge=-90, le=90)


class Source(BaseModel):
    """Where the trips come from."""

    url: str = "https://example.org/trips"
    box: Box | None = None


class Approval(BaseModel):
    approved: bool
    share: float = Field(1.0, le=1, description="How much of it to publish")


@flow(log_prints=True)
def load(
    year: int,
    months: list[int],
    color: Literal["green", "yellow"] = "green",
    source: Source = Source(),  # noqa: B008  # as users write it; pydantic copies
    note: str | None = None,
    broken: bool = False,
) -> int:
    """Load trips."""
    print(f"{len(months)} months of {year}, {color}, from {source.box.north if source.box else 'everywhere'}")
    if broken:
        raise ValueError("the source is away")
    return len(months)


@flow(log_prints=True)
def release() -> None:
    answer = pause_flow_run(wait_for_input=Approval, timeout=600, key="go", message="May it be published?")
    print(f"approved: {answer.approved}, {answer.share:.0%}")
