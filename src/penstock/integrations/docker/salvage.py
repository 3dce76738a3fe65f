"""What containers leave behind: the journals of those that died before all was told.

A journal is put among the worker's own, which takes it in as that of any dead process. Only what the container itself wrote is taken: on a
volume there may be journals of the living.
"""

import io
import json
import logging
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docker.errors import NotFound

from penstock.engine.journal import SUFFIX
from penstock.integrations.docker.engines import ENGINE_ERRORS, describe

HOME_VARIABLE = "PENSTOCK_HOME"
ARCHIVE_BYTES_MAX = 256 * 1024 * 1024

logger = logging.getLogger("penstock.worker")


def save_journals(container: Any, journals: Path, *, target: str) -> int:
    """Copy what a container that has ended recorded to a folder of journals; answers how many files that were.

    What cannot be copied is told of, and lost with the container.
    """
    home = _home_of(container)
    if home is None:
        return 0
    try:
        archive = _read_archive(container, f"{home}/journals")
    except NotFound:
        return 0
    except ENGINE_ERRORS as error:
        logger.warning("What container %s recorded last cannot be read: %s.", container.name, describe(error))
        return 0
    saved = 0
    for content in _journals_in(container, archive):
        first, _, body = content.partition(b"\n")
        header = _parse(first)
        if header is None or header.get("host") != container.attrs["Config"]["Hostname"]:
            continue
        named = json.dumps({**header, "target": target}).encode()  # the container called the server by another name
        _write(journals / f"{header['writer']}{SUFFIX}", named + b"\n" + body)
        saved += 1
    return saved


def remove(container: Any) -> None:
    """Remove a container, or say why it stays."""
    try:
        container.remove(v=True, force=True)
    except ENGINE_ERRORS as error:
        if getattr(error, "status_code", None) in (404, 409):  # somebody was quicker, or is at it
            return
        logger.warning("Container %s cannot be removed: %s.", container.name, describe(error))


def _home_of(container: Any) -> str | None:
    for line in container.attrs["Config"].get("Env") or ():
        name, _, value = line.partition("=")
        if name == HOME_VARIABLE:
            return str(value).rstrip("/")
    return None


def _read_archive(container: Any, path: str) -> bytes:
    chunks, _ = container.get_archive(path)
    content = bytearray()
    for chunk in chunks:
        content += chunk
        if len(content) > ARCHIVE_BYTES_MAX:
            break
    return bytes(content)


def _journals_in(container: Any, archive: bytes) -> Iterator[bytes]:
    try:
        with tarfile.open(fileobj=io.BytesIO(archive)) as files:
            for member in files:
                opened = files.extractfile(member) if member.isfile() and member.name.endswith(SUFFIX) else None
                if opened is not None:
                    yield opened.read()
    except tarfile.TarError as error:
        logger.warning("What container %s recorded last is cut off: %s.", container.name, error)


def _parse(line: bytes) -> dict[str, Any] | None:
    try:
        header = json.loads(line)
    except ValueError:
        return None
    writer = header.get("writer") if isinstance(header, dict) else None
    return header if isinstance(writer, str) and writer.isalnum() else None


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_bytes(content)
    os.replace(part, path)
