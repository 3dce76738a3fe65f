"""One module per outside system, each behind an extra."""
