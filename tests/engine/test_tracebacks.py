"""What is told of where an error came from."""

from penstock.engine.tracebacks import as_text


def reach(depth: int) -> None:
    if depth == 0:
        raise KeyError("fare")
    reach(depth - 1)


def raised(depth: int, cause: Exception | None = None) -> Exception:
    try:
        try:
            reach(depth)
        except KeyError as error:
            if cause is None:
                raise
            raise ValueError("no fare") from error
    except Exception as error:
        return error
    raise AssertionError


def test_an_error_is_told_as_python_tells_it() -> None:
    lines = as_text(raised(0)).splitlines()
    assert ("Traceback (most recent call last):", "KeyError: 'fare'") == (lines[0], lines[-1])


def test_its_causes_are_told_too() -> None:
    told = as_text(raised(0, cause=KeyError()))
    assert told.index("KeyError: 'fare'") < told.index("ValueError: no fare")


def test_endless_recursion_is_told_in_few_lines() -> None:
    assert len(as_text(raised(500)).splitlines()) < 100
