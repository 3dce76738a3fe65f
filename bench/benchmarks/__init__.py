"""One module per benchmark; each has `measure(quick=)`, which yields rows of the table."""
