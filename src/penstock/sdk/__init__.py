"""What users import: flows, tasks, futures, states, artifacts, variables and their kin."""
