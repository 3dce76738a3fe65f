"""The command line: one module per command group, over the same port as everything else."""
