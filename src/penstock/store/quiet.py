"""Not asking the database again what can only be answered as before."""

from typing import NamedTuple


class Quiet(NamedTuple):
    """Nothing is to be done before `until` (microseconds UTC; none: ever), as long as nobody writes."""

    token: int
    """The database's change token as it was when somebody looked."""
    until: int | None

    def holds(self, token: int | None, now: int) -> bool:
        """Whether looking again would find nothing; never so where the database tells of no writes.

        >>> Quiet(7, until=1_000).holds(7, 999), Quiet(7, until=1_000).holds(8, 999), Quiet(7, None).holds(None, 5)
        (True, False, False)
        """
        return token == self.token and (self.until is None or self.until > now)
