"""What a fork leaves of the lake's libraries: nothing.

Their threads stay behind in the process that began to use them. In a fork of it a call would panic, or wait for ever.
"""

import os

from penstock.lake.errors import LakeUnavailable


class _Libraries:
    """Whether this process uses them, and whether a process did that it was forked from."""

    used = False
    inherited = False

    @classmethod
    def inherit(cls) -> None:
        cls.inherited = cls.inherited or cls.used


os.register_at_fork(after_in_child=_Libraries.inherit)


def begin_use() -> None:
    """Note that this process uses the libraries. Raises `LakeUnavailable` if it cannot."""
    if _Libraries.inherited:
        raise LakeUnavailable(
            "This process was forked from one that had used the lake, whose libraries do not survive that. Start it anew: with "
            "`multiprocessing.get_context('spawn')`, a ProcessPoolTaskRunner, or @task(isolation='process')."
        )
    _Libraries.used = True
