"""What `import penstock` may not load: everything that costs milliseconds and is not needed to decorate a function."""

import json
import subprocess
import sys
from pathlib import Path

HEAVY = {
    "alembic",
    "apprise",
    "asyncio",
    "cloudpickle",
    "cryptography",
    "deltalake",
    "duckdb",
    "fastapi",
    "httpx",
    "numpy",
    "obstore",
    "pandas",
    "prometheus_client",
    "psycopg",
    "pyarrow",
    "pydantic",
    "rich",
    "sqlalchemy",
    "starlette",
    "typer",
    "uvicorn",
}


def test_importing_the_sdk_loads_nothing_heavy() -> None:
    assert set() == HEAVY & modules_after("import penstock; from penstock import flow, task")


def test_decorating_functions_loads_nothing_heavy() -> None:
    decorated = "from penstock import flow, task\n@task\ndef f(x): ...\n@flow\ndef g(): f(1)"
    assert set() == HEAVY & modules_after(decorated)


def test_running_a_flow_loads_nothing_that_looks_runs_up() -> None:
    flow = "from penstock import flow, task\n@task\ndef t(): ...\n@flow\ndef f(): t()\nf()\n"
    assert "False" == run_python(f"{flow}import sys; print('penstock.lookups' in sys.modules)").splitlines()[-1]


def modules_after(code: str) -> set[str]:
    """The top-level modules loaded after running `code` in a fresh interpreter, beyond what start-up itself loads."""
    show = "import sys, json; print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
    loaded = json.loads(run_python(f"{code}\n{show}"))
    before = json.loads(run_python(show))
    return set(loaded) - set(before)


def run_python(code: str) -> str:
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


def test_looking_at_runs_loads_neither_schedules_nor_what_runs_them() -> None:
    """Commands of a group that need more than the others are imported when they are asked for."""
    code = (
        "import sys\nfrom penstock.cli.main import main\nsys.argv = ['penstock', 'flow-run', 'ls', '--json']\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print([name for name in sys.modules if name in ('penstock.scheduling', 'penstock.work', 'pydantic', 'jinja2')])"
    )
    assert "[]" == run_python(code).splitlines()[-1]


def test_the_collector_is_as_it_was_once_modules_are_loaded() -> None:
    flow = "from penstock import flow\n@flow\ndef f(): ...\nf()\n"
    assert "True" == run_python(f"import gc\n{flow}print(gc.isenabled())").splitlines()[-1]
    assert "False" == run_python(f"import gc\ngc.disable()\n{flow}print(gc.isenabled())").splitlines()[-1]


def test_the_end_of_a_process_looks_for_no_garbage_among_all_modules() -> None:
    ask = "import atexit, gc\natexit.register(lambda: print(gc.get_freeze_count() > 10_000))\n"
    assert "True" == run_python(f"{ask}from penstock import flow\n@flow\ndef f(): ...\nf()\n").splitlines()[-1]


def test_a_file_that_only_the_collector_would_close_has_what_was_written_to_it(tmp_path: Path) -> None:
    flow = "from penstock import flow\n@flow\ndef f(): ...\nf()\n"
    cycle = f"class Note: ...\nnote = Note()\nnote.self, note.file = note, open({str(tmp_path / 'notes')!r}, 'w')\n"
    run_python(f"{flow}{cycle}note.file.write('kept')")
    assert "kept" == (tmp_path / "notes").read_text()


def test_libraries_that_tell_of_leaks_find_none() -> None:
    flow = "from penstock import flow\n@flow\ndef f(): return duckdb.connect()\nf(return_state=True)\n"
    finished = subprocess.run(
        [sys.executable, "-c", f"import duckdb\n{flow}"], capture_output=True, text=True, check=True
    )
    assert "leak" not in finished.stderr
