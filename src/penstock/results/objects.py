"""The result storage on an object store: S3, GCS or Azure. Every result is an object of its own, named by its content.

    runs/<run>/<digest>.result      what was kept for a run
    shared/<digest>.result          results that a cache key leads to, which outlive their run
    cache/<digest of the key>.json  the cache index; puts are atomic

A reference is `f:<name>:<length>:<encoder>`, as a folder's is. Each result costs a request (some milliseconds), where a folder appends to a
pack: for many small tasks a folder that all machines see is quicker. Credentials come from the environment, as the stores' own tools have it.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from hashlib import blake2b
from typing import Any

from penstock.core.errors import MissingExtra, ResultCorrupt, ResultMissing, StoreError, StoreReadOnly, StoreUnavailable
from penstock.core.keys import digest
from penstock.ports import CachedResult
from penstock.results.encoders import decode, encode
from penstock.results.folder import NONE, STREAM, parse_entry

RETRIES_MAX = 5
RETRY_SECONDS = 60.0
"""A store that does not answer for so long is away: what is asked then fails, and says so."""
DELETED_AT_ONCE = 1_000


class ObjectResultStore:
    """Results in an object store; one instance a process, used from any thread."""

    is_remote = True
    """Keeping anything takes a request: never on an event loop."""
    _inherited = False
    """Set in a forked child whose parent spoke to a store: the connections are the parent's, and the library does not live twice."""

    def __init__(self, address: str, **options: Any):
        """`options` are those of `obstore.store.from_url`. Raises `MissingExtra`; `StoreUnavailable` for a wrong address."""
        try:
            import obstore  # lazy: 20 ms, and an extra
            from obstore.exceptions import BaseError  # lazy: the same
            from obstore.store import from_url  # lazy: the same
        except ImportError as error:
            raise MissingExtra(f"Keeping results at {address}", extra="lake", because=error) from error
        if ObjectResultStore._inherited:
            raise StoreError(
                f"Results at {address} cannot be reached from a forked process whose parent reached them. Start it anew "
                "(`spawn`), or use task runners of Penstock."
            )
        self.address = address.rstrip("/")
        self._obstore = obstore
        retry = {"max_retries": RETRIES_MAX, "retry_timeout": timedelta(seconds=RETRY_SECONDS)}
        try:
            self._store: Any = from_url(self.address, **{"retry_config": retry, **options})
        except (BaseError, ValueError) as error:
            raise StoreUnavailable(f"Results cannot be kept at {self.address}: {_first_line(error)}") from error

    def put(self, value: Any, *, run_id: str, serializer: str | None = None, key: str | None = None) -> str:
        """Keep a value and return its reference; with a cache `key` it is kept beyond its run."""
        if value is None and key is None:
            return NONE
        encoded = encode(value, serializer)
        folder = f"runs/{run_id}" if key is None else "shared"
        name = f"{folder}/{blake2b(encoded.data, digest_size=16).hexdigest()}"
        self._put(f"{name}.result", bytes(encoded.data))
        return f"f:{name}:{len(encoded.data)}:{encoded.tag}"

    def get(self, reference: str) -> Any:
        """Return the value. Raises `ResultMissing` or `ResultCorrupt`, naming the object; `StoreUnavailable`."""
        if reference == NONE:
            return None
        name, length, tag = self._parse(reference)
        data = self._get(f"{name}.result")
        where = f"{self.address}/{name}.result"
        if data is None:
            raise ResultMissing(f"There is no result at {where} any more. Run the task again to make it anew.")
        if len(data) != length or blake2b(data, digest_size=16).hexdigest() != name.rpartition("/")[2]:
            raise ResultCorrupt(
                f"The result at {where} does not match its checksum. Run the task again to make it anew."
            )
        return decode(tag, data)

    def exists(self, reference: str) -> bool:
        """Tell whether the reference leads to a result of its length. Raises `StoreUnavailable`: away is not gone."""
        if reference == NONE:
            return True
        if reference.startswith(STREAM):
            manifest = reference.removeprefix(STREAM)
            return self.exists(manifest) and all(self.exists(item) for item in self.get(manifest))
        try:
            name, length, _ = self._parse(reference)
        except ResultMissing:
            return False
        with self._translated(name):
            try:
                return int(self._obstore.head(self._store, f"{name}.result")["size"]) == length
            except FileNotFoundError:
                return False

    def find_cached(self, key: str, *, now: int) -> CachedResult | None:
        """Look a cache key up. An entry that is expired or leads nowhere is no entry."""
        data = self._get(f"cache/{digest(key)}.json")
        hit = None if data is None else parse_entry(data)
        if hit is None or (hit.expires_at is not None and hit.expires_at <= now):
            return None
        return hit if self.exists(hit.reference) else None

    def put_cached(self, key: str, reference: str, *, now: int, expires_at: int | None) -> None:
        """Let a cache key lead to a result."""
        entry = {"format": 1, "key": key, "reference": reference, "created_at": now, "expires_at": expires_at}
        self._put(f"cache/{digest(key)}.json", json.dumps(entry).encode())

    def remove_run(self, run_id: str) -> None:
        """Drop what was kept for a run; what a cache key leads to lies elsewhere and stays."""
        with self._translated(f"runs/{run_id}"):
            names = [one["path"] for page in self._obstore.list(self._store, f"runs/{run_id}") for one in page]
            for n in range(0, len(names), DELETED_AT_ONCE):
                self._obstore.delete(self._store, names[n : n + DELETED_AT_ONCE])

    def prune(self, *, now: int, keep_since: int, limit: int = 1_000) -> int:
        """Drop cache entries that have expired, and shared results that no entry leads to and that were last written
        before `keep_since` (microseconds UTC); at most `limit` objects a pass. Answers how many went."""
        live, gone = set[str](), list[str]()
        with self._translated("cache"):
            for path, _ in self._listed("cache"):
                entry = parse_entry(self._get(path) or b"")
                if entry is None or (entry.expires_at is not None and entry.expires_at <= now):
                    gone.append(path)
                else:
                    live.update(self._names_of(entry.reference))
            for path, written_at in self._listed("shared"):
                if path.removesuffix(".result") not in live and written_at < keep_since:
                    gone.append(path)
            if gone[:limit]:
                self._obstore.delete(self._store, gone[:limit])
        return len(gone[:limit])

    def abandon(self, writer: str) -> None:
        """Of no use in a forked child; called there."""
        ObjectResultStore._inherited = True

    def _names_of(self, reference: str) -> list[str]:
        """The objects that a reference leads to."""
        if not reference.startswith(STREAM):
            return [reference.split(":")[1]] if reference.startswith("f:") else []
        manifest = reference.removeprefix(STREAM)
        try:
            return [name for item in [manifest, *self.get(manifest)] for name in self._names_of(item)]
        except (ResultMissing, ResultCorrupt):
            return []

    def _listed(self, folder: str) -> list[tuple[str, int]]:
        """Objects and when each was written last."""
        pages = self._obstore.list(self._store, folder)
        return [(one["path"], int(one["last_modified"].timestamp() * 1e6)) for page in pages for one in page]

    def _parse(self, reference: str) -> tuple[str, int, str]:
        match reference.split(":"):
            case ["f", name, length, tag] if length.isdigit():
                return name, int(length), tag
        raise ResultMissing(
            f"`{reference:.200}` leads to no result in {self.address}. Run the task again to make it anew."
        )

    def _put(self, path: str, data: bytes) -> None:
        with self._translated(path):
            try:
                self._obstore.put(self._store, path, data)
            except FileNotFoundError as error:
                raise StoreUnavailable(f"There is no bucket or container for {self.address}: make it first.") from error

    def _get(self, path: str) -> bytes | None:
        with self._translated(path):
            try:
                return bytes(self._obstore.get(self._store, path).bytes())
            except FileNotFoundError:
                return None

    @contextmanager
    def _translated(self, path: str) -> Iterator[None]:
        from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError  # lazy: loaded with it

        try:
            yield
        except (PermissionDeniedError, UnauthenticatedError, PermissionError) as error:
            message = (
                f"Access to {self.address}/{path} was refused: {_first_line(error)} Check its credentials and rights."
            )
            raise StoreReadOnly(message) from error
        except (BaseError, OSError) as error:
            raise StoreUnavailable(f"{self.address}/{path} cannot be reached: {_first_line(error)}") from error


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0][:300].rstrip(". ") + "."
