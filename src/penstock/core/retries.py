"""When a failed run is tried again, and after how long. Pure: randomness is handed in."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from penstock.core.errors import InvalidDefinition

RETRIES_MAX = 10_000
DELAY_SECONDS_MAX = 86_400.0 * 30

Delays = float | Sequence[float] | Callable[[int], Sequence[float]]


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and after which delays to try again.

    `delays` holds one delay a retry; the last one repeats. `jitter_factor` stretches a delay by up to that share.

    >>> policy = RetryPolicy(retries=3, delays=(1.0, 10.0))
    >>> [policy.delay_seconds(attempt, chance=0.5) for attempt in (1, 2, 3)]
    [1.0, 10.0, 10.0]
    """

    retries: int = 0
    delays: tuple[float, ...] = ()
    jitter_factor: float = 0.0

    @classmethod
    def of(cls, *, retries: int, delays: Delays | None, jitter_factor: float | None) -> "RetryPolicy":
        """Check what a user wrote. Raises `InvalidDefinition`."""
        if isinstance(retries, bool) or not isinstance(retries, int) or not 0 <= retries <= RETRIES_MAX:
            raise InvalidDefinition(f"`retries` must be a whole number from 0 to {RETRIES_MAX:,}, got {retries!r}.")
        if jitter_factor is not None and not (isinstance(jitter_factor, int | float) and 0 <= jitter_factor < math.inf):
            raise InvalidDefinition(f"`retry_jitter_factor` must be 0 or more, got {jitter_factor!r}.")
        given = delays(retries) if callable(delays) else delays
        return cls(retries, _check_delays(given), float(jitter_factor or 0.0))

    def allows(self, attempt: int) -> bool:
        """Tell whether another try follows the failed `attempt` (counted from 1)."""
        return attempt <= self.retries

    def delay_seconds(self, attempt: int, *, chance: float) -> float:
        """How long to wait after the failed `attempt`; `chance` in [0, 1) places it within the jitter."""
        if not self.delays:
            return 0.0
        delay = self.delays[min(attempt, len(self.delays)) - 1]
        return min(delay * (1.0 + self.jitter_factor * chance), DELAY_SECONDS_MAX)


def exponential_backoff(backoff_factor: float) -> Callable[[int], list[float]]:
    """Delays that double: `backoff_factor` times 1, 2, 4, ... seconds; give it to `retry_delay_seconds`.

    >>> exponential_backoff(10)(3)
    [10.0, 20.0, 40.0]
    """

    def delays(retries: int) -> list[float]:
        return [min(float(backoff_factor) * 2**n, DELAY_SECONDS_MAX) for n in range(min(retries, 60))]

    return delays


def _check_delays(delays: float | Sequence[float] | None) -> tuple[float, ...]:
    if delays is None:
        return ()
    listed = tuple(delays) if isinstance(delays, Iterable) else (delays,)
    for delay in listed:
        if isinstance(delay, bool) or not isinstance(delay, int | float) or not 0 <= delay <= DELAY_SECONDS_MAX:
            raise InvalidDefinition(
                f"`retry_delay_seconds` must hold numbers of seconds from 0 to {DELAY_SECONDS_MAX:,.0f}, got {delay!r}."
            )
    return tuple(float(delay) for delay in listed)
