"""Workers: they claim the runs that wait in a work pool, start a process for each, and say how it ended."""
