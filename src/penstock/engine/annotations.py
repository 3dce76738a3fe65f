"""Wrappers that say how an argument is to be taken: `unmapped`, `allow_failure`, `quote`."""

from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Annotation(Generic[T]):
    """A value and how it is to be taken."""

    __slots__ = ("value",)
    kind = ""

    def __init__(self, value: T):
        self.value = value

    def unwrap(self) -> T:
        """The value itself."""
        return self.value

    def __repr__(self) -> str:
        return f"{self.kind}({self.value!r})"

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and bool(self.value == other.value)

    __hash__ = object.__hash__


class unmapped(Annotation[T]):
    """In `.map`, give every call this value whole instead of one item of it each."""

    __slots__ = ()
    kind = "unmapped"


class allow_failure(Annotation[T]):
    """Run the task even if this dependency failed; the task then gets the exception in place of a value."""

    __slots__ = ()
    kind = "allow_failure"


class quote(Annotation[T]):
    """Do not look into this value for futures: it is passed as it is, however large."""

    __slots__ = ()
    kind = "quote"


opaque = quote


def annotation_of(value: Any) -> Annotation[Any] | None:
    """The value as an annotation, if it is one."""
    return value if isinstance(value, Annotation) else None
