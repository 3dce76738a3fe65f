"""How lists are asked for and cut: `--limit`, `--all`, and the word that says that there is more."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import click

from penstock.cli.session import Session

if TYPE_CHECKING:
    from penstock.ports import Page, Request

R = TypeVar("R")

ROWS_DEFAULT = 20
PAGE_SIZE = 1_000
LIMIT_MAX = 1_000_000

limit_option = click.option(
    "--limit",
    metavar="N",
    type=click.IntRange(1, LIMIT_MAX),
    default=ROWS_DEFAULT,
    show_default=True,
    help="Show at most so many.",
)
all_option = click.option("--all", "everything", is_flag=True, help="Show all, however many there are.")


@dataclass(frozen=True, slots=True)
class Extent:
    """How much of a list is wanted; none for all of it."""

    limit: int | None

    @classmethod
    def of(cls, limit: int, everything: bool) -> "Extent":
        """From the two options."""
        return cls(None if everything else limit)

    @property
    def page_size(self) -> int:
        """How many to ask for at once: one more than shown tells whether there are more."""
        return PAGE_SIZE if self.limit is None else min(self.limit + 1, PAGE_SIZE)


class Listed(Iterator[R]):
    """The wanted part of a list, fetched as it is read; `cut` says afterwards whether there is more."""

    def __init__(
        self,
        session: Session,
        extent: Extent,
        request: "Callable[[str | None, int], Request[Page[Any]]]",
        keep: Callable[[Any], bool] = lambda _: True,
    ):
        self._items: Iterator[R] = filter(keep, session.pages(lambda cursor: request(cursor, extent.page_size)))
        self._left = extent.limit
        self.cut = False

    def __next__(self) -> R:
        item = next(self._items)
        if self._left is not None:
            if self._left == 0:
                self.cut = True
                raise StopIteration
            self._left -= 1
        return item


def say_if_cut(session: Session, listed: "Listed[Any]") -> None:
    """Say on standard error that there is more than was shown."""
    if listed.cut:
        session.terminal.say("There are more: raise --limit, or use --all.", colour="bright_black")
