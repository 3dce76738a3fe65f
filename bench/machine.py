"""The machine that figures were taken on, in the few facts that move them."""

import os
import platform
import shutil
import sqlite3
import subprocess
import tempfile
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path


@dataclass(frozen=True)
class Machine:
    processor: str
    cores: int
    memory_gigabytes: float
    system: str
    file_system: str
    python: str
    sqlite: str
    load: str
    commit: str
    at: str

    def as_markdown(self) -> str:
        return "\n".join(f"- {name.replace('_', ' ')}: {value}" for name, value in asdict(self).items())


def describe_machine() -> Machine:
    return Machine(
        processor=processor_name(),
        cores=os.cpu_count() or 0,
        memory_gigabytes=round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
        file_system=file_system_of(tempfile.gettempdir()),
        python=f"{platform.python_implementation()} {platform.python_version()}",
        sqlite=sqlite3.sqlite_version,
        load=", ".join(f"{load:.2f}" for load in os.getloadavg()),
        commit=said_by("git", "describe", "--always", "--dirty"),
        at=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    )


def processor_name() -> str:
    facts = Path("/proc/cpuinfo")
    if facts.exists():
        for line in facts.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown"


def file_system_of(folder: str) -> str:
    """The kind of the file system that throw-away homes lie on: a tmpfs makes durable writes look free."""
    kind = said_by("df", "--output=fstype", folder).splitlines()
    return kind[-1].strip() if kind else "unknown"


def said_by(*command: str) -> str:
    if shutil.which(command[0]) is None:
        return "unknown"
    ended = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parent)
    return ended.stdout.strip() if ended.returncode == 0 else "unknown"
