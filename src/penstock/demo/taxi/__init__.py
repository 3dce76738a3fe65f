"""The flows of `examples/taxi`. A wheel carries copies of them here; in a checkout they are found where they are written."""

from pathlib import Path

_WRITTEN = Path(__file__).resolve().parents[4] / "examples" / "taxi"
if _WRITTEN.is_dir():
    __path__.append(str(_WRITTEN))
