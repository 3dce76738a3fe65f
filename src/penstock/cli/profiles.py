"""The file of profiles: read whole, changed line by line, so that its comments and order stay.

`active = "name"` stands on top; each profile is a table `[profiles.name]` of `PENSTOCK_*` texts. The file may hold
keys, so that it is readable by its owner only. Every change is read back before it replaces the file.
"""

import fcntl
import json
import os
import re
import tempfile
import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from penstock.cli.text import find_near
from penstock.core.errors import Conflict, NotFound, SettingInvalid
from penstock.settings import PROFILE_DEFAULT, PROFILE_FILE

NAME_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


@dataclass(frozen=True, slots=True)
class Profiles:
    """What the file says."""

    active: str
    tables: Mapping[str, Mapping[str, str]]

    @property
    def names(self) -> list[str]:
        """All profiles; the default one is there without being written."""
        return list(dict.fromkeys([PROFILE_DEFAULT, *self.tables]))

    def get(self, name: str) -> Mapping[str, str]:
        """The settings of a profile. Raises `NotFound`."""
        if name not in self.names:
            raise NotFound("profile", name, near=find_near(name, self.names), listing="penstock profile ls")
        return self.tables.get(name, {})


class ProfileFile:
    """The profiles of one home."""

    def __init__(self, home: Path):
        self.path = home / PROFILE_FILE

    def read(self) -> Profiles:
        """What the file says; nothing if there is none. Raises `SettingInvalid`."""
        return self._parse(self._text())

    def set_value(self, profile: str, variable: str, value: str) -> None:
        """Set a variable in a profile, which is made if need be."""
        self._change(
            lambda lines: _with_value(lines, profile, variable, value), lambda p: p.tables[profile][variable] == value
        )

    def remove_value(self, profile: str, variable: str) -> None:
        """Take a variable out of a profile. Raises `NotFound`."""
        values = self.read().get(profile)
        if variable not in values:
            near = find_near(variable, values)
            raise NotFound(f"setting of profile `{profile}`", variable, near=near, listing="penstock config view")
        self._change(
            lambda lines: _without_value(lines, profile, variable), lambda p: variable not in p.tables.get(profile, {})
        )

    def add(self, name: str, values: Mapping[str, str]) -> None:
        """Make a profile. Raises `Conflict` if it exists."""
        self._check_new(name)

        def added(lines: list[str]) -> list[str]:
            return [*lines, *_table(name, values)]

        self._change(added, lambda p: p.tables.get(name) == values)

    def rename(self, name: str, new_name: str) -> None:
        """Give a profile another name; it stays active if it was. Raises `NotFound` and `Conflict`."""
        profiles = self.read()
        values = profiles.get(name)
        self._check_new(new_name)

        def renamed(lines: list[str]) -> list[str]:
            found = _find_table(lines, name)
            if found is None:  # the default profile, not written yet
                lines = [*lines, *_table(new_name, values)]
            else:
                lines = [*lines[: found.start], f"[profiles.{new_name}]", *lines[found.start + 1 :]]
            return _with_active(lines, new_name) if profiles.active == name else lines

        self._change(renamed, lambda p: p.tables.get(new_name) == values)

    def remove(self, name: str) -> None:
        """Remove a profile. Raises `NotFound`, and `Conflict` for the active one."""
        profiles = self.read()
        profiles.get(name)
        if name == profiles.active:
            raise Conflict(f"Profile `{name}` is active. Use another one first: `penstock profile use NAME`.")
        self._change(lambda lines: _without_table(lines, name), lambda p: name not in p.tables)

    def use(self, name: str) -> None:
        """Make a profile the active one. Raises `NotFound`."""
        self.read().get(name)
        self._change(lambda lines: _with_active(lines, name), lambda p: p.active == name)

    def _check_new(self, name: str) -> None:
        if not NAME_PATTERN.fullmatch(name):
            raise SettingInvalid(f"`{name}` cannot name a profile: use letters, digits, `-` and `_`.")
        if name in self.read().tables:
            raise Conflict(f"Profile `{name}` exists already.")

    def _change(self, edit: Callable[[list[str]], list[str]], holds: Callable[[Profiles], bool]) -> None:
        """Edit the lines and check that the file then says what it should, before it is replaced."""
        with _locked(self.path.parent):
            text = "\n".join(edit(self._text().splitlines())).strip("\n") + "\n"
            if not holds(self._parse(text)):
                raise SettingInvalid(
                    f"{self.path} is written in a way that this command cannot change. Edit it by hand."
                )
            _replace(self.path, text)

    def _text(self) -> str:
        try:
            return self.path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return ""
        except (OSError, UnicodeDecodeError) as error:
            raise SettingInvalid(f"{self.path} cannot be read: {error}.") from error

    def _parse(self, text: str) -> Profiles:
        try:
            content = tomllib.loads(text)
            tables = {
                name: {key: str(value) for key, value in table.items()}
                for name, table in content.get("profiles", {}).items()
            }
            return Profiles(str(content.get("active", PROFILE_DEFAULT)), tables)
        except (tomllib.TOMLDecodeError, AttributeError) as error:
            raise SettingInvalid(f"{self.path} cannot be read: {error}. Mend or remove it.") from error


@dataclass(frozen=True, slots=True)
class _Span:
    """The lines of a table: its header, and the line after its last."""

    start: int
    end: int


def _find_table(lines: list[str], profile: str) -> _Span | None:
    header = re.compile(rf"""\s*\[\s*profiles\s*\.\s*(["']?){re.escape(profile)}\1\s*\]\s*(#.*)?""")
    start = next((number for number, line in enumerate(lines) if header.fullmatch(line)), None)
    if start is None:
        return None
    after = (number for number in range(start + 1, len(lines)) if lines[number].lstrip().startswith("["))
    return _Span(start, next(after, len(lines)))


def _find_value(lines: list[str], span: _Span, variable: str) -> int | None:
    assignment = re.compile(rf"""\s*(["']?){re.escape(variable)}\1\s*=""")
    return next((number for number in range(span.start + 1, span.end) if assignment.match(lines[number])), None)


def _with_value(lines: list[str], profile: str, variable: str, value: str) -> list[str]:
    assignment = f"{variable} = {_quoted(value)}"
    span = _find_table(lines, profile)
    if span is None:
        return [*lines, *_table(profile, {variable: value})]
    number = _find_value(lines, span, variable)
    if number is not None:
        return [*lines[:number], assignment, *lines[number + 1 :]]
    end = span.end
    while end > span.start + 1 and not lines[end - 1].strip():
        end -= 1
    return [*lines[:end], assignment, *lines[end:]]


def _without_value(lines: list[str], profile: str, variable: str) -> list[str]:
    span = _find_table(lines, profile)
    number = None if span is None else _find_value(lines, span, variable)
    return lines if number is None else [*lines[:number], *lines[number + 1 :]]


def _without_table(lines: list[str], profile: str) -> list[str]:
    span = _find_table(lines, profile)
    return lines if span is None else [*lines[: span.start], *lines[span.end :]]


def _with_active(lines: list[str], name: str) -> list[str]:
    kept = [line for line in lines if not re.match(r"\s*active\s*=", line)]
    return [f"active = {_quoted(name)}", *([""] if kept and kept[0].strip() else []), *kept]


def _table(name: str, values: Mapping[str, str]) -> list[str]:
    return ["", f"[profiles.{name}]", *(f"{variable} = {_quoted(value)}" for variable, value in values.items())]


def _quoted(value: str) -> str:
    """A TOML basic string; its escapes are those of JSON, but for DEL."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


@contextmanager
def _locked(home: Path) -> Iterator[None]:
    """Let one process at a time change the file."""
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder = os.open(home, os.O_RDONLY)
    except OSError as error:
        raise SettingInvalid(f"{home} cannot be used as PENSTOCK_HOME: {error}.") from error
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def _replace(path: Path, text: str) -> None:
    """Put a file in place whole, readable by its owner only."""
    try:
        handle, temporary = tempfile.mkstemp(prefix=path.name, dir=path.parent)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except OSError as error:
        raise SettingInvalid(f"{path} cannot be written: {error}.") from error
