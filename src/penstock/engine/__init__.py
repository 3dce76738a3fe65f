"""The life of a flow run and of a task run, written once, and what drives it."""
