"""For tests of flows: a throw-away home in milliseconds, a clock that tests move, failures on purpose.

Public, and imported by no product code.
"""

from penstock.testing.clocks import FakeClock
from penstock.testing.failpoints import Failpoints
from penstock.testing.harness import harness
from penstock.testing.history import History

__all__ = ["Failpoints", "FakeClock", "History", "harness"]
