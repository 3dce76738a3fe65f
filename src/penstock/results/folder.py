"""The result storage of one machine: a folder. Small results go into a pack file per run and process, others into
files named by their content. Every read is checked against its checksum.

    runs/<run>/<writer>.pack        small results, appended
    runs/<run>/<digest>.result      larger ones
    shared/<digest>.result          results that a cache key leads to, which outlive their run
    cache/<digest of the key>.json  the cache index; an entry is put whole or not at all

A reference is text such as `p:<run>/<writer>:<offset>:<length>:<crc>:<tag>`: where, how long, checksum, encoder.
"""

import json
import os
import shutil
from binascii import crc32
from hashlib import blake2b
from itertools import count
from pathlib import Path
from threading import Lock, get_ident
from typing import Any

from penstock.appendfile import AppendFile, sync_folder, translate
from penstock.core.errors import ResultCorrupt, ResultMissing
from penstock.core.keys import digest
from penstock.ports import CachedResult
from penstock.results.encoders import Encoded, decode, encode

OBJECT_STORES = frozenset({"s3", "s3a", "gs", "az", "azure", "abfs", "abfss", "adl"})
PACKED_BYTES_MAX = 65_536
PACKS_OPEN_MAX = 128
"""Each holds two file descriptors; many systems allow a process 1,024."""
NONE = "none"
STREAM = "s:"
"""Prefix of the reference to a list of references, one for each item of a stream."""


def is_object_store(place: str) -> bool:
    """Tell an object store's address from a folder.

    >>> is_object_store("s3://bucket/results"), is_object_store("/srv/results"), is_object_store("ftp://x")
    (True, False, False)
    """
    scheme, separator, _ = place.partition("://")
    return bool(separator) and scheme in OBJECT_STORES


class FolderResultStore:
    """Results in a folder; one instance a process, used from any thread.

    >>> import tempfile
    >>> store = FolderResultStore(Path(tempfile.mkdtemp()), writer="w1")
    >>> store.get(store.put((1, 2), run_id="r1"))
    (1, 2)
    """

    def __init__(self, root: Path, *, writer: str, strict: bool = False):
        self.root = root
        self._writer = writer
        self._strict = strict
        self._packs: dict[str, AppendFile] = {}
        self._numbers = count()
        self._lock = Lock()

    def put(self, value: Any, *, run_id: str, serializer: str | None = None, key: str | None = None) -> str:
        """Keep a value and return its reference; with a cache `key` it is kept beyond its run."""
        if value is None and key is None:
            return NONE
        encoded = encode(value, serializer)
        if key is not None:
            return self._put_file(encoded, "shared")
        if len(encoded.data) > PACKED_BYTES_MAX:
            return self._put_file(encoded, f"runs/{run_id}")
        return self._put_packed(encoded, run_id)

    def get(self, reference: str) -> Any:
        """Return the value. Raises `ResultMissing` or `ResultCorrupt`, naming the file."""
        if reference == NONE:
            return None
        tag, data = self._read(reference)
        return decode(tag, data)

    def exists(self, reference: str) -> bool:
        """Tell whether the reference still leads to a whole result."""
        if reference == NONE:
            return True
        if reference.startswith(STREAM):
            return self._exists_stream(reference.removeprefix(STREAM))
        try:
            self._read(reference)
        except (ResultMissing, ResultCorrupt):
            return False
        return True

    def _exists_stream(self, manifest: str) -> bool:
        return self.exists(manifest) and all(self.exists(item) for item in self.get(manifest))

    def find_cached(self, key: str, *, now: int) -> CachedResult | None:
        """Look a cache key up. An entry that is torn, expired, or leads nowhere is no entry."""
        hit = _read_entry(self.root / "cache" / f"{digest(key)}.json")
        if hit is None or (hit.expires_at is not None and hit.expires_at <= now):
            return None
        return hit if self.exists(hit.reference) else None

    def put_cached(self, key: str, reference: str, *, now: int, expires_at: int | None) -> None:
        """Let a cache key lead to a result."""
        entry = {"format": 1, "key": key, "reference": reference, "created_at": now, "expires_at": expires_at}
        self._write_whole(self.root / "cache" / f"{digest(key)}.json", json.dumps(entry).encode())

    def remove_run(self, run_id: str) -> None:
        """Drop what was kept for a run; what a cache key leads to lies elsewhere and stays."""
        with self._lock:
            pack = self._packs.pop(run_id, None)
        if pack is not None:
            pack.close()
        shutil.rmtree(self.root / "runs" / run_id, ignore_errors=True)

    def prune(self, *, now: int, keep_since: int, limit: int = 1_000) -> int:
        """Drop cache entries that have expired, and shared results that no entry leads to and that were last written
        before `keep_since` (microseconds UTC); at most `limit` files a pass. Answers how many went."""
        live, removed = set(), 0
        for path in _files(self.root / "cache", ".json"):
            entry = _read_entry(path)
            if entry is None or (entry.expires_at is not None and entry.expires_at <= now):
                if removed < limit:
                    path.unlink(missing_ok=True)
                    removed += 1
            else:
                live.update(self._names_of(entry.reference))
        for path in _files(self.root / "shared", ".result"):
            if removed >= limit:
                break
            if f"shared/{path.stem}" not in live and _written_at(path) < keep_since:
                path.unlink(missing_ok=True)
                removed += 1
        self._remove_drafts(keep_since)
        return removed

    def _remove_drafts(self, keep_since: int) -> None:
        """Drop what processes that died were writing."""
        for folder in ("cache", "shared"):
            for path in (self.root / folder).glob(".*"):
                if _written_at(path) < keep_since:
                    path.unlink(missing_ok=True)

    def _names_of(self, reference: str) -> list[str]:
        """The files that a reference leads to."""
        if not reference.startswith(STREAM):
            return [reference.split(":")[1]] if reference.startswith("f:") else []
        manifest = reference.removeprefix(STREAM)
        try:
            return [name for item in [manifest, *self.get(manifest)] for name in self._names_of(item)]
        except (ResultMissing, ResultCorrupt):
            return []

    def close_run(self, run_id: str) -> None:
        """Cut the run's pack to its length; a later result of the run begins another."""
        with self._lock:
            pack = self._packs.pop(run_id, None)
        if pack is not None:
            pack.close()

    def close(self) -> None:
        """Let go of all files."""
        for run_id in list(self._packs):
            self.close_run(run_id)

    def abandon(self, writer: str) -> None:
        """Go on as another writer, in a forked child."""
        for pack in self._packs.values():
            pack.abandon()
        self._packs, self._lock, self._writer = {}, Lock(), writer

    def _put_packed(self, encoded: Encoded, run_id: str) -> str:
        data = encoded.data
        with self._lock:
            pack = self._packs.get(run_id)
            if pack is None:
                pack = self._open_pack(run_id)
            offset = pack.append(data)
            if self._strict:
                pack.sync(offset)
        return f"p:{run_id}/{pack.path.stem}:{offset}:{len(data)}:{crc32(data):08x}:{encoded.tag}"

    def _open_pack(self, run_id: str) -> AppendFile:
        if len(self._packs) >= PACKS_OPEN_MAX:
            oldest = next(iter(self._packs))
            self._packs.pop(oldest).close()
        folder = self.root / "runs" / run_id
        _make_folder(folder)
        path = folder / f"{self._writer[-12:]}-{next(self._numbers)}.pack"
        while path.exists():  # of a store before this one with the same writer
            path = path.with_stem(f"{self._writer[-12:]}-{next(self._numbers)}")
        pack = self._packs[run_id] = AppendFile(path)
        if self._strict:
            _sync_name(path)
        return pack

    def _put_file(self, encoded: Encoded, folder: str) -> str:
        name = f"{folder}/{blake2b(encoded.data, digest_size=16).hexdigest()}"
        path = self.root / f"{name}.result"
        if not _is_whole(path, encoded.data):
            self._write_whole(path, encoded.data)
        return f"f:{name}:{len(encoded.data)}:{encoded.tag}"

    def _write_whole(self, path: Path, data: bytes) -> None:
        """Write a file so that others see all of it or nothing."""
        _make_folder(path.parent)
        draft = path.with_name(f".{path.name}.{self._writer[-12:]}.{get_ident():x}")  # this thread's own
        try:
            with open(draft, "wb") as file:
                file.write(data)
                if self._strict:
                    file.flush()
                    os.fsync(file.fileno())
            os.replace(draft, path)
            if self._strict:
                _sync_name(path)
        except BaseException as error:
            draft.unlink(missing_ok=True)
            if isinstance(error, OSError):
                raise translate(error, path) from error
            raise

    def _read(self, reference: str) -> tuple[str, bytes]:
        """The encoder's tag and the bytes that a reference leads to."""
        try:
            match reference.split(":"):
                case ["p", place, offset, length, checksum, tag]:
                    return tag, self._read_packed(place, int(offset), int(length), int(checksum, 16))
                case ["f", name, length, tag]:
                    return tag, self._read_file(name, int(length))
        except ValueError:
            pass  # not what `put` writes
        raise ResultMissing(
            f"`{reference:.200}` leads to no result in {self.root}. Run the task again to make it anew."
        )

    def _read_packed(self, place: str, offset: int, length: int, checksum: int) -> bytes:
        path = self.root / "runs" / f"{place}.pack"
        try:
            with open(path, "rb") as file:
                file.seek(offset)
                data = file.read(length)
        except OSError as error:
            raise ResultMissing(
                f"The result at {path} cannot be read: {error.strerror}. Run the task again to make it anew."
            ) from error
        if len(data) != length or crc32(data) != checksum:
            raise ResultCorrupt(
                f"The result at byte {offset} of {path} does not match its checksum. Run the task again to make it anew."
            )
        return data

    def _read_file(self, name: str, length: int) -> bytes:
        path = self.root / f"{name}.result"
        try:
            data = path.read_bytes()
        except OSError as error:
            raise ResultMissing(
                f"The result at {path} cannot be read: {error.strerror}. Run the task again to make it anew."
            ) from error
        if len(data) != length or blake2b(data, digest_size=16).hexdigest() != path.stem:
            raise ResultCorrupt(
                f"The result at {path} does not match its checksum. Run the task again to make it anew."
            )
        return data


def _read_entry(path: Path) -> CachedResult | None:
    try:
        return parse_entry(path.read_bytes())
    except OSError:
        return None


def parse_entry(data: bytes) -> CachedResult | None:
    """An entry of the cache index, or none if it is torn."""
    try:
        entry = json.loads(data)
        expires = entry["expires_at"]
        return CachedResult(
            reference=str(entry["reference"]),
            created_at=int(entry["created_at"]),
            expires_at=None if expires is None else int(expires),
        )
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def _is_whole(path: Path, data: bytes) -> bool:
    """Whether a file holds just this; if so it counts as written now, so that no pruning takes it for an old one."""
    try:
        if path.read_bytes() != data:
            return False
        os.utime(path)
    except OSError:
        return False
    return True


def _written_at(path: Path) -> int:
    """Microseconds UTC; for ever ahead if the file is gone."""
    try:
        return path.stat().st_mtime_ns // 1000
    except FileNotFoundError:
        return 1 << 63


def _files(folder: Path, suffix: str) -> list[Path]:
    return sorted(folder.glob(f"*{suffix}")) if folder.is_dir() else []


def _sync_name(path: Path) -> None:
    """Bring a new file's name to the disk, and that of its folder, which may be new as well."""
    for folder in path.parents[:2]:
        sync_folder(folder)


def _make_folder(folder: Path) -> None:
    """Make a folder and what is missing above it, each for its owner only, as `parents=True` would not."""
    try:
        if not folder.is_dir():
            _make_folder(folder.parent)
            folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise translate(error, folder) from error
