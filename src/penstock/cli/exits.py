"""What the numbers mean that commands exit with."""

from enum import IntEnum


class ExitCode(IntEnum):
    """The exit codes of every command; `--help` and the reference list them."""

    OK = 0
    FAILED = 1
    USAGE = 2
    CANCELLED = 3
    INTERRUPTED = 130
    READER_GONE = 141


MEANINGS = {
    ExitCode.OK: "done; a run that was started or watched COMPLETED",
    ExitCode.FAILED: "the run FAILED or CRASHED, or the command could not be done",
    ExitCode.USAGE: "the command line or a setting is wrong, or an extra is not installed",
    ExitCode.CANCELLED: "the run that was started or watched was CANCELLED by somebody else",
    ExitCode.INTERRUPTED: "stopped by Ctrl-C (a run that was going is recorded as CANCELLED)",
    ExitCode.READER_GONE: "whoever read the output (a pager, `head`) went away",
}
