"""What datasets may be called, where they lie, and which ones there are.

A dataset without a location of its own lies in the lake: `taxi/green` is the folder `taxi/green` under the setting
`lake_path`, which may be an object-store address as well.
"""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

from penstock.lake.errors import DatasetNameInvalid
from penstock.lake.forks import begin_use

NAME_CHARACTERS_MAX = 200
LISTED_MAX = 10_000
LOG_FOLDER = "_delta_log"
MISREAD = "%#?"
"""Characters that Delta takes for parts of an address, so that it would read and write different folders."""

_SEGMENT = re.compile(r"[^\W_][\w.-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A dataset that is read or written: its name and where it lies."""

    name: str
    location: str
    storage_options: Mapping[str, str] | None = None

    @property
    def label(self) -> str:
        """What messages call it."""
        return f"Dataset `{self.name}`"

    @property
    def public_location(self) -> str:
        """Where it lies, fit to be recorded."""
        return public_location(self.location)


def check_name(name: str) -> str:
    """Return the name of a dataset as it is. Raises `DatasetNameInvalid`.

    >>> check_name("taxi/green")
    'taxi/green'
    """
    if not isinstance(name, str):
        raise DatasetNameInvalid(f"A dataset's name is text such as `taxi/green`, not {type(name).__name__}.")
    if not name or len(name) > NAME_CHARACTERS_MAX:
        raise DatasetNameInvalid(
            f"A dataset's name has 1 to {NAME_CHARACTERS_MAX} characters; this one has {len(name)}."
        )
    for segment in name.split("/"):
        if not _SEGMENT.fullmatch(segment):
            raise DatasetNameInvalid(
                f"`{name}` cannot be a dataset's name: `{segment}` must begin with a letter or digit and go on with "
                "letters, digits, `_`, `-` and `.`; `/` parts folders."
            )
    return name


def place_in_lake(lake_path: str, name: str) -> str:
    """Return where the dataset of that name lies.

    >>> place_in_lake("s3://trips/lake/", "taxi/green")
    's3://trips/lake/taxi/green'
    """
    return check_location(f"{lake_path.rstrip('/')}/{name}")


def check_location(location: str | os.PathLike[str]) -> str:
    """Return a location as an absolute path or an address. Raises `DatasetNameInvalid`.

    >>> check_location("gs://bucket/trips/")
    'gs://bucket/trips'
    """
    text = os.fspath(location)
    if is_remote(text):
        return text.rstrip("/")
    if text.startswith("file://"):
        text = unquote(urlsplit(text).path)
    path = str(Path(text).expanduser().absolute())
    if any(character in path for character in MISREAD):
        raise DatasetNameInvalid(
            f"A dataset cannot lie at {path}: no folder on the way may have {MISREAD} in its name."
        )
    return path


def is_remote(location: str) -> bool:
    """Tell an object store's address from a folder.

    >>> is_remote("s3://bucket/x"), is_remote("/srv/x"), is_remote("file:///srv/x")
    (True, False, False)
    """
    return "://" in location and not location.startswith("file://")


def public_location(location: str) -> str:
    """Return a location without credentials, fit to be recorded.

    >>> public_location("s3://key:secret@bucket/x?token=1")
    's3://bucket/x'
    """
    if not is_remote(location):
        return location
    parts = urlsplit(location)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def list_names(lake_path: str, storage_options: Mapping[str, str] | None = None) -> Iterator[str]:
    """Yield the names of the datasets in a lake, in order within each folder."""
    if is_remote(lake_path):
        yield from _list_remote(lake_path, storage_options)
    else:
        yield from _list_local(Path(check_location(lake_path)))


def nearest_dataset(location: str) -> str | None:
    """Return the dataset that a local folder lies in, if any; datasets cannot lie within one another."""
    if is_remote(location):
        return None
    return next((str(folder) for folder in Path(location).parents if (folder / LOG_FOLDER).is_dir()), None)


def _list_local(root: Path) -> Iterator[str]:
    for folder, names, _ in os.walk(root):
        if LOG_FOLDER in names:
            names.clear()
            if folder != str(root):
                yield Path(folder).relative_to(root).as_posix()
        else:
            names.sort()


def _list_remote(lake_path: str, storage_options: Mapping[str, str] | None) -> Iterator[str]:
    from obstore import list_with_delimiter  # lazy: obstore, 20 ms
    from obstore.store import from_url  # lazy: obstore, 20 ms

    begin_use()
    options: dict[str, Any] = dict(storage_options or {})  # Any: they differ by store
    if "true" in (options.pop("aws_allow_http", None), options.pop("allow_http", None)):
        options["client_options"] = {"allow_http": True}  # where Delta's name for it is another one
    store = from_url(lake_path, **options)
    folders = [""]
    while folders:
        folder = folders.pop(0)
        inside = [str(name).rstrip("/") for name in list_with_delimiter(store, folder or None)["common_prefixes"]]
        if any(name.rpartition("/")[2] == LOG_FOLDER for name in inside):
            yield folder
        else:
            folders[:0] = sorted(inside)
