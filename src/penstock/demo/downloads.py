"""Getting a file from where it is published: over HTTP, or from a folder.

A download is written beside its place and moved there when it is whole, so that a file with its name is a whole one.
"""

import gzip
import os
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from urllib.parse import unquote, urlsplit

import httpx

from penstock.demo.errors import TripFileDamaged, TripFileMissing, TripFileUnreachable
from penstock.lake.runs import current_settings, say

DOWNLOADS_FOLDER = "downloads"
TIMEOUT_SECONDS = 60.0
CHUNK_BYTES = 1 << 20
GZIP_MAGIC = b"\x1f\x8b"
GONE = (404, 410)


def download(url: str) -> Path:
    """Return the path of a file, after fetching it if it is somewhere else.

    An http(s) address is downloaded into `downloads` in `PENSTOCK_HOME`; a path or file:// address is returned as it
    is. Raises `TripFileMissing`, and `TripFileUnreachable` for what may pass, such as a download that was cut off.
    """
    scheme = urlsplit(url).scheme if "://" in url else "file"
    if scheme in ("http", "https"):
        return _fetch(url)
    if scheme == "file":
        path = Path(unquote(urlsplit(url).path) if "://" in url else url).expanduser().absolute()
        if not path.is_file():
            raise TripFileMissing(path.name, f"there is no file {path}.")
        return path
    raise TripFileMissing(_name(url), f"{scheme}:// addresses are not supported here; use http(s):// or a path.")


def _fetch(url: str) -> Path:
    name = _name(url)
    folder = current_settings().home / DOWNLOADS_FOLDER / blake2b(url.encode(), digest_size=6).hexdigest()
    with whole_file(folder / name) as path:
        try:
            # Files are fetched as they are: a server may offer to compress them on the way, which .gz files are already.
            with httpx.stream(
                "GET", url, follow_redirects=True, timeout=TIMEOUT_SECONDS, headers={"Accept-Encoding": "identity"}
            ) as response:
                _check_status(name, response)
                _save(response, path)
        except httpx.HTTPError as error:
            raise TripFileUnreachable(name, f"{url} could not be fetched: {error}.") from None  # sixty lines of sockets
        try:
            check_gzip(name, path)
        except TripFileDamaged as error:
            raise TripFileUnreachable(name, f"what {url} sent is not whole ({error.__cause__}).") from error
    say(f"Fetched {name}: {(folder / name).stat().st_size:,} bytes.")
    return folder / name


@contextmanager
def whole_file(target: Path) -> Iterator[Path]:
    """Write a file beside its place; it takes its place when the block ends well, and is gone when it does not."""
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    os.close(handle)
    try:
        yield Path(temporary)
        os.replace(temporary, target)
    finally:
        Path(temporary).unlink(missing_ok=True)


def is_gzip(path: Path) -> bool:
    """Tell whether a file is compressed, whatever its name says."""
    with open(path, "rb") as file:
        return file.read(2) == GZIP_MAGIC


def check_gzip(name: str, path: Path) -> None:
    """Read a compressed file through. Raises `TripFileDamaged` unless it is whole."""
    if not is_gzip(path):
        return
    try:
        with gzip.open(path) as file:
            while file.read(CHUNK_BYTES):
                pass
    except (EOFError, OSError, zlib.error) as error:
        raise TripFileDamaged(name, f"the file was cut off or damaged on its way ({error}). Fetch it again.") from error


def _check_status(name: str, response: httpx.Response) -> None:
    if response.status_code in GONE:
        raise TripFileMissing(
            name,
            f"nobody publishes it: {response.url} answers {response.status_code}. Check colour, year and month.",
        )
    if response.is_error:
        raise TripFileUnreachable(name, f"{response.url} answers {response.status_code} {response.reason_phrase}.")


def _save(response: httpx.Response, path: Path) -> None:
    with open(path, "wb") as file:
        file.writelines(response.iter_bytes(CHUNK_BYTES))


def _name(url: str) -> str:
    return unquote(urlsplit(url).path).rpartition("/")[2] or "file"
