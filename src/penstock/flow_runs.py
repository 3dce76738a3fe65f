"""Flow runs that wait for somebody, or that somebody waits for."""

from penstock.sdk.followed import FollowedRun, await_flow_run, wait_for_flow_run
from penstock.sdk.pauses import (
    apause_flow_run,
    aresume_flow_run,
    asuspend_flow_run,
    pause_flow_run,
    resume_flow_run,
    suspend_flow_run,
)

__all__ = [
    "FollowedRun",
    "apause_flow_run",
    "aresume_flow_run",
    "asuspend_flow_run",
    "await_flow_run",
    "pause_flow_run",
    "resume_flow_run",
    "suspend_flow_run",
    "wait_for_flow_run",
]
