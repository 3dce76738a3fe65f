"""`penstock server`: the API and the console, in a process of their own."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from penstock.cli.commands import Group, json_option
from penstock.cli.exits import ExitCode
from penstock.cli.session import Session, pass_session
from penstock.cli.text import as_duration
from penstock.core.errors import ServerNotStarted
from penstock.loading import collecting_later

if TYPE_CHECKING:
    from penstock.server.listening import Listening

START_SECONDS_MAX = 30.0
STOP_SECONDS_MAX = 15.0
POLL_SECONDS = 0.05
LOG_LINES_SHOWN = 15

port_option = click.option("--port", type=click.IntRange(0, 65_535), help="The port (PENSTOCK_SERVER_PORT, 4200).")


@click.group(cls=Group)
def server() -> None:
    """The server: the API, and the console in a browser."""


@server.command(
    "start",
    examples=[
        "penstock server start",
        "penstock server start --background",
        "PENSTOCK_API_KEY=... penstock server start --host 0.0.0.0",
    ],
)
@click.option("--host", metavar="ADDRESS", help="Where to listen (PENSTOCK_SERVER_HOST, 127.0.0.1).")
@port_option
@click.option("--background", is_flag=True, help="Return once it is ready; `penstock server stop` ends it.")
@click.option("--insecure", is_flag=True, help="Listen beyond this machine without an API key.")
@click.option("--no-services", is_flag=True, help="Leave retention and crash detection to other servers.")
@pass_session
def start(
    session: Session, host: str | None, port: int | None, background: bool, insecure: bool, no_services: bool
) -> None:
    """Start the server, and keep it running until Ctrl-C."""
    settings = session.settings
    host, port = host or settings.server_host, settings.server_port if port is None else port
    if background:
        flags = [*(["--insecure"] if insecure else []), *(["--no-services"] if no_services else [])]
        found = _start_in_background(session, host, port, flags)
        session.terminal.say(f"The server runs at {found.url} (process {found.pid}).")
        return
    with collecting_later():
        from penstock.server import running  # lazy: fastapi and the store, 600 ms

    running.log_to_stderr()
    running.serve(
        settings,
        host=host,
        port=port,
        insecure=insecure,
        with_services=not no_services,
        on_ready=lambda said: _say_ready(session, said),
    )
    session.terminal.say("The server has stopped.")


@server.command("stop", examples=["penstock server stop", "penstock server stop --port 4300"])
@port_option
@pass_session
def stop(session: Session, port: int | None) -> None:
    """Stop the server of this home.

    After the requests that it is answering.
    """
    from penstock.server import listening  # lazy: settings, 15 ms

    port = session.settings.server_port if port is None else port
    found = listening.find_server(session.settings, port)
    if found is None:
        session.terminal.say(f"No server of this home runs at port {port}.")
        raise click.exceptions.Exit(ExitCode.FAILED)
    os.kill(found.pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS_MAX
    while listening.find_server(session.settings, port) is not None:
        if time.monotonic() > deadline:
            raise ServerNotStarted(f"The server (process {found.pid}) has not stopped after {STOP_SECONDS_MAX:g} s.")
        time.sleep(POLL_SECONDS)
    session.terminal.say("The server has stopped.")


@server.command("status", examples=["penstock server status", "penstock server status --json"])
@port_option
@json_option
@pass_session
def status(session: Session, port: int | None, as_json: bool) -> None:
    """Say whether the server of this home runs, and where.

    Exits with 1 if it does not.
    """
    from penstock.server import listening  # lazy: settings, 15 ms

    port = session.settings.server_port if port is None else port
    found = listening.find_server(session.settings, port)
    if as_json:
        shape: dict[str, Any] = {
            "running": found is not None,
            "url": None,
            "pid": None,
            "version": None,
            "database": None,
        }
        if found is not None:
            shape |= {"url": found.url, "pid": found.pid, "version": found.version, "database": found.database}
        session.terminal.json(shape)
    elif found is None:
        session.terminal.say(f"No server of this home runs at port {port}. Start it with `penstock server start`.")
    else:
        session.terminal.pairs(
            [
                ("Address", found.url),
                ("Process", str(found.pid)),
                ("Version", found.version),
                ("Database", found.database),
                ("Running for", as_duration(session.now() - found.started_at)),
            ]
        )
    if found is None:
        raise click.exceptions.Exit(ExitCode.FAILED)


@server.group("services", cls=Group)
def services() -> None:
    """Retention and crash detection, without the API."""


@services.command("start", examples=["penstock server services start"])
@pass_session
def start_services(session: Session) -> None:
    """Run the services until Ctrl-C.

    Beside servers that were started with --no-services.
    """
    from penstock.server import running  # lazy: fastapi and the store, 600 ms

    running.log_to_stderr()
    started = running.run_services(session.settings)
    session.terminal.say("The services run. Ctrl-C stops them.")
    signal.signal(signal.SIGTERM, lambda *_: started.stop())
    try:
        started.wait()
    finally:
        started.stop()


def _say_ready(session: Session, said: "Listening") -> None:
    session.terminal.say(
        f"The console is at {said.url}, the API at {said.url}/api, its documentation at {said.url}/docs."
    )
    session.terminal.say(f"Record runs through it: export PENSTOCK_API_URL={said.url}/api    Ctrl-C stops it.")


def _start_in_background(session: Session, host: str, port: int, flags: list[str]) -> "Listening":
    from penstock.server import listening  # lazy: settings, 15 ms

    settings = session.settings
    if port == 0:
        raise click.UsageError("--background needs a --port, by which the server is found again.")
    known = listening.find_server(settings, port)
    if known is not None:
        raise ServerNotStarted(f"The server runs already, at {known.url} (process {known.pid}).")
    listening.check_exposure(host, settings.api_key, insecure="--insecure" in flags)
    settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    log = settings.home / "server.log"
    command = [
        sys.executable,
        "-m",
        "penstock.cli.main",
        "server",
        "start",
        "--host",
        host,
        "--port",
        str(port),
        *flags,
    ]
    with log.open("ab") as output:
        begun = output.tell()
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )
    deadline = time.monotonic() + START_SECONDS_MAX
    while time.monotonic() < deadline:
        found = listening.find_server(settings, port)
        if found is not None and found.pid == process.pid and _answers(host, port):
            return found
        if process.poll() is not None:
            break
        time.sleep(POLL_SECONDS)
    raise ServerNotStarted(f"The server did not start. Its log, {log}, ends with:\n{_tail(log, begun)}")


def _answers(host: str, port: int) -> bool:
    import http.client  # lazy: 10 ms

    connection = http.client.HTTPConnection({"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host), port, timeout=2)
    try:
        connection.request("GET", "/api/health", headers={"Host": "localhost"})
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _tail(log: Path, begun: int) -> str:
    with log.open("rb") as file:
        file.seek(begun)
        lines = file.read().decode(errors="replace").strip().splitlines()
    return "\n".join(lines[-LOG_LINES_SHOWN:])
